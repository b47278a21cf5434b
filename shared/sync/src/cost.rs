//! What a run is likely to cost: calls and bytes, counted by rules, times the prices of a table.
//!
//! | module | what is there |
//! |---|---|
//! | this one | [`Calls`]: how many calls of which kind, and the rules |
//! | [`prices`] | [`Prices`]: the table, with the document and date of each price |
//! | [`estimate`] | [`Estimate`]: lines and a sum, for the report |
//!
//! A call is one that the store is asked once for. Calls that are made again after a failure are not
//! counted, nor what another writer at the destination makes necessary.
//!
//! | what | at the source | at S3 |
//! |---|---|---|
//! | a run in one process | | two gets of the root and one of the lease, the lease twice, the report, the root again; a list of what was left behind; the lease is deleted |
//! | the first run, beside that | | a list of the destination |
//! | a run that changed something | | the root once more |
//! | a listing of N names | a list for each page, at least one in each range | |
//! | an object in one piece | a read | a put |
//! | an object in P parts | a head; P reads, or one where an MD5 is all that proves it | a head, a get of its note; a begin, its note, P parts, a complete; the note is deleted |
//! | an object that is looked for first (`adopt`) | | in one piece: a head more |
//! | one that was adopted | | a head |
//! | a batch in one process | | its note that it is begun, its receipts |
//! | a batch that another process takes | | also: it is written and read, as is its report; the lease is read; it is looked whether it was begun, and for receipts |
//! | a shard that the plan reads | | a get |
//! | a merge | | a get for each piece of receipts and each old shard that it opens, a put for each new shard |
//! | a deletion | a head | a delete |
//! | files that are swept | | a list for each 1,000, at least three; a delete each |
//!
//! Not counted is what several processes of one run say to each other besides: some tens of calls, and
//! seven for each range that is merged.
//!
//! S3 bills PUT, POST and LIST alike, GET with HEAD, and no DELETE.

pub mod estimate;
pub mod prices;

pub use estimate::{Decimal, Estimate, Line};
pub use prices::{InvalidPrices, Price, Prices};

use crate::copy::{CopyOptions, parts_of};
use crate::receipt::{Origin, Receipt};
use serde::{Deserialize, Serialize};

/// Names that one page of a listing has.
pub const AZURE_PAGE: u64 = 5000;
pub const GOOGLE_PAGE: u64 = 1000;
const S3_PAGE: u64 = 1000;

/// Whom the source's calls and bytes are paid to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cloud {
    Azure,
    Google,
}

impl Cloud {
    /// Of a place as people write it; `None` where it is neither's.
    pub fn of(place: &str) -> Option<Self> {
        match place.split_once("://")?.0 {
            "azure" => Some(Cloud::Azure),
            "gs" => Some(Cloud::Google),
            _ => None,
        }
    }

    /// "List Blobs" (Microsoft) and "Objects: list" (Google) name these as the most of one page.
    pub fn page(self) -> u64 {
        match self {
            Cloud::Azure => AZURE_PAGE,
            Cloud::Google => GOOGLE_PAGE,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Cloud::Azure => "azure",
            Cloud::Google => "google",
        }
    }
}

/// Where batches are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batches {
    /// By whoever planned them.
    Handed,
    /// By another process, which finds them in the state.
    Stored,
}

/// What is billed, by kind. Sums of parts of a run are the run's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Calls {
    pub source_lists: u64,
    pub source_heads: u64,
    pub source_reads: u64,
    /// That leave the source's cloud.
    pub source_bytes: u64,
    /// PUT, POST and LIST.
    pub s3_puts: u64,
    /// GET and HEAD.
    pub s3_gets: u64,
    pub s3_deletes: u64,
    pub lambda_requests: u64,
    /// Megabytes that a function has, times the milliseconds that it was billed.
    pub lambda_mb_milliseconds: u64,
    pub state_transitions: u64,
}

impl Calls {
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.source_lists, other.source_lists),
            (&mut self.source_heads, other.source_heads),
            (&mut self.source_reads, other.source_reads),
            (&mut self.source_bytes, other.source_bytes),
            (&mut self.s3_puts, other.s3_puts),
            (&mut self.s3_gets, other.s3_gets),
            (&mut self.s3_deletes, other.s3_deletes),
            (&mut self.lambda_requests, other.lambda_requests),
            (&mut self.lambda_mb_milliseconds, other.lambda_mb_milliseconds),
            (&mut self.state_transitions, other.state_transitions),
        ];
        for (count, more) in pairs {
            *count = count.saturating_add(more);
        }
    }

    /// A run in one process, whatever it copies.
    pub fn run(&mut self, first: bool, changed: bool) {
        self.s3_gets += 3;
        self.s3_puts += 4 + u64::from(first) + 2 * u64::from(changed);
        self.s3_deletes += 1;
    }

    /// A listing of so many names, in ranges.
    pub fn listing(&mut self, names: u64, ranges: u64, page: u64) {
        // The last page of a range is seldom full.
        self.source_lists += names.div_ceil(page.max(1)).max(ranges);
    }

    /// What a run in this state did for one object, by its receipt.
    pub fn object(&mut self, receipt: &Receipt, options: &CopyOptions) {
        let big = receipt.size > options.whole_up_to;
        // Big objects are always looked for.
        self.s3_gets += u64::from(big || options.adopt);
        if receipt.origin == Origin::Adopted {
            return;
        }
        self.source_bytes += receipt.size;
        if !big {
            self.source_reads += 1;
            self.s3_puts += 1;
            return;
        }
        let (parts, _) = parts_of(receipt.size, options.part_size);
        let parts = u64::from(parts);
        self.source_heads += 1;
        self.source_reads += if receipt.proven == crate::receipt::Proven::Md5 { 1 } else { parts };
        self.s3_gets += 1;
        self.s3_puts += parts + 3;
        self.s3_deletes += 1;
    }

    /// Batches of which so many have receipts.
    pub fn batches(&mut self, batches: u64, with_receipts: u64, taken: Batches) {
        self.s3_puts += batches + with_receipts;
        if taken == Batches::Stored {
            self.s3_puts += 2 * batches;
            self.s3_gets += 6 * batches;
        }
    }

    /// Shards that a plan compared with.
    pub fn planned_with(&mut self, shards: u64) {
        self.s3_gets += shards;
    }

    pub fn merged(&mut self, pieces_read: u64, pieces_written: u64) {
        self.s3_gets += pieces_read;
        self.s3_puts += pieces_written;
    }

    pub fn deleted(&mut self, deletions: u64) {
        self.source_heads += deletions;
        self.s3_deletes += deletions;
    }

    /// Files of the state: so many lie below the three folders that are looked through.
    pub fn swept(&mut self, files: u64, deleted: u64) {
        self.s3_puts += files.div_ceil(S3_PAGE).max(3);
        self.s3_deletes += deleted;
    }

    /// Invocations of one function, and what they were billed together.
    pub fn lambda(&mut self, invocations: u64, memory_mb: u64, milliseconds: u64) {
        self.lambda_requests += invocations;
        self.lambda_mb_milliseconds =
            self.lambda_mb_milliseconds.saturating_add(memory_mb.saturating_mul(milliseconds));
    }
}
