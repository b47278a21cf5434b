//! What is copied, how, and how much may be deleted.

use super::units;
use crate::failure::Failure;
use carnet_objects::sink::{MAX_PART, MIN_PART};
use carnet_sync::copy::keeping;
use carnet_sync::{CopyOptions, Filter, FilterSpec, Foreign, Guard, PlanDigest, PlanOptions, RunOptions};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// "Categorizing your storage using tags".
const MAX_TAGS: usize = 10;

#[derive(clap::Args)]
#[command(next_help_heading = "Which objects")]
pub struct Options {
    /// Only names that match: * and ? stop at a slash, ** does not; {a,b} is either. Below SRC's prefix
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Not names that match; wins over --include
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Only objects of at least so many bytes, e.g. 1KiB
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    min_size: Option<u64>,
    /// Only objects of at most so many bytes
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    max_size: Option<u64>,
    /// Only objects that were last modified at least so long ago, e.g. 15m, 12h, 7d
    #[arg(long, value_name = "TIME", value_parser = units::age)]
    min_age: Option<Duration>,
    /// Only objects that were last modified at most so long ago
    #[arg(long, value_name = "TIME", value_parser = units::age)]
    max_age: Option<Duration>,

    /// Delete what is gone from the source, if this command has written it
    #[arg(long, help_heading = "Deletions")]
    delete: bool,
    /// The guard: at most so many deletions in one run [default: 1000]
    #[arg(long, value_name = "N", requires = "delete", help_heading = "Deletions")]
    max_delete: Option<u64>,
    /// The guard: at most this share of the objects [default: 10, but ten objects are never too many]
    #[arg(long, value_name = "P", requires = "delete", help_heading = "Deletions",
          value_parser = clap::value_parser!(u8).range(0..=100))]
    max_delete_percent: Option<u8>,
    /// Let exactly this plan through the guard: its digest, or that of its deletions, from --dry-run
    #[arg(long, value_name = "DIGEST", requires = "delete", help_heading = "Deletions", value_parser = digest)]
    confirm: Option<PlanDigest>,

    /// Objects under way at once
    #[arg(long, value_name = "N", default_value_t = 32, help_heading = "How",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// The bytes of objects that may be in memory, over all copies
    #[arg(long, value_name = "SIZE", default_value = "32MiB", help_heading = "How", value_parser = units::some_size)]
    memory: u64,
    /// Objects larger than this go in parts of this size; more where there would be over 10,000 of them
    #[arg(long, value_name = "SIZE", default_value = "8MiB", help_heading = "How", value_parser = part_size)]
    part_size: u64,
    /// At most so many bytes a second, over all copies, e.g. 20MiB
    #[arg(long, value_name = "SIZE", help_heading = "How", value_parser = units::some_size)]
    bandwidth: Option<u64>,
    /// The storage class of what is written, as S3 names it, e.g. STANDARD_IA
    #[arg(long, value_name = "CLASS", help_heading = "How", value_parser = keeping::storage_class)]
    storage_class: Option<String>,
    /// Encrypt what is written with this KMS key (its ARN or id) instead of as the bucket says
    #[arg(long, value_name = "KEY", help_heading = "How", value_parser = keeping::kms_key)]
    kms_key: Option<String>,
    /// Tag what is written; may be given up to ten times
    #[arg(long = "tag", value_name = "NAME=VALUE", help_heading = "How", value_parser = units::tag)]
    tags: Vec<(String, String)>,
    /// Leave objects alone that are at the destination and were not written by this command: the copy fails
    #[arg(long, help_heading = "How")]
    keep_foreign: bool,
}

impl Options {
    pub fn run_options(&self) -> Result<RunOptions, Failure> {
        let filter = FilterSpec {
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            min_size: self.min_size,
            max_size: self.max_size,
            min_age: self.min_age,
            max_age: self.max_age,
        };
        // What cannot be meant is a fault of the command line, whatever else is wrong.
        Filter::new(filter.clone(), SystemTime::now())?;
        let copy = CopyOptions {
            whole_up_to: self.part_size,
            part_size: self.part_size,
            objects_at_once: usize::from(self.concurrency),
            memory: self.memory,
            bytes_per_second: self.bandwidth,
            foreign: if self.keep_foreign { Foreign::Keep } else { Foreign::Replace },
            storage_class: self.storage_class.clone(),
            kms_key_id: self.kms_key.clone(),
            tags: self.tags()?,
            ..CopyOptions::default()
        };
        Ok(RunOptions {
            plan: PlanOptions { filter, delete: self.delete, ..PlanOptions::default() },
            copy,
            guard: self.guard(),
            holder: holder(),
            ..RunOptions::default()
        })
    }

    fn guard(&self) -> Guard {
        let mut guard = Guard { passed: self.confirm.clone(), ..Guard::default() };
        if let Some(most) = self.max_delete {
            guard.max_deletes = most;
        }
        if let Some(percent) = self.max_delete_percent {
            guard.max_percent = percent;
            // Whoever states a share means it, in a small place too.
            guard.always = 0;
        }
        guard
    }

    fn tags(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut tags = BTreeMap::new();
        for (name, value) in &self.tags {
            if tags.insert(name.clone(), value.clone()).is_some() {
                return Err(Failure::Usage(format!("--tag {name}: is given twice")));
            }
        }
        if tags.len() > MAX_TAGS {
            return Err(Failure::Usage(format!("--tag: S3 keeps at most {MAX_TAGS} tags an object")));
        }
        Ok(tags)
    }
}

/// Who this is, for whoever finds the lease taken.
fn holder() -> String {
    let host = rustix::system::uname();
    format!("process {} on {}", std::process::id(), host.nodename().to_string_lossy())
}

fn digest(text: &str) -> Result<PlanDigest, String> {
    PlanDigest::parse(text).ok_or_else(|| "a plan's digest is 64 hexadecimal digits".to_owned())
}

fn part_size(text: &str) -> Result<u64, String> {
    match units::size(text)? {
        size @ MIN_PART..=MAX_PART => Ok(size),
        _ => Err("S3 takes parts of 5 MiB to 5 GiB".to_owned()),
    }
}
