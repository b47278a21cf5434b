//! Objects that never were, and the manifest of a run that copied them all: for those who measure what
//! planning, copying and committing take, so that nothing else takes any.

use crate::commit::{Harvest, merge_all, swap};
use crate::error::Result;
use crate::job::Job;
use crate::manifest::Manifest;
use crate::order::Order;
use crate::piece::{Cut, Pieces};
use crate::receipt::{Origin, Proven, Receipt};
use crate::state::RunId;
use bytes::Bytes;
use carnet_objects::sink::Crc32c;
use carnet_objects::{
    BoxFuture, Conditions, Digests, Key, ListRequest, ObjectMeta, ObjectSource, Opened, Page, PageToken,
    ReadRequest, Version,
};
use futures_util::stream;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

const PAGE: u64 = 5000;
/// Small, since what is measured is the objects' number. No two have the same bytes.
const SIZE: u64 = 64;

/// A source that has so many of them.
pub struct Synthetic {
    objects: u64,
    changed: Changed,
}

/// Which of them have another version, and other bytes, than they had at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    Nothing,
    /// A thousandth of them, which follow each other.
    Block,
    /// A thousandth of them, everywhere.
    Spread,
}

impl Synthetic {
    pub fn new(objects: u64) -> Self {
        Self { objects, changed: Changed::Nothing }
    }

    #[must_use]
    pub fn changed(mut self, changed: Changed) -> Self {
        self.changed = changed;
        self
    }

    /// What tells the versions of one object apart.
    fn generation(&self, number: u64) -> u64 {
        let middle = self.objects / 2;
        u64::from(match self.changed {
            Changed::Nothing => false,
            Changed::Block => (middle..middle + self.objects / 1000).contains(&number),
            Changed::Spread => number.is_multiple_of(1000),
        })
    }

    fn meta(&self, number: u64) -> ObjectMeta {
        let generation = self.generation(number);
        let crc32c = Crc32c::of(&body(number, generation)).as_u32();
        ObjectMeta {
            key: name(number),
            size: SIZE,
            version: version(number, generation),
            last_modified: modified(number),
            content_type: Some("application/octet-stream".into()),
            content_encoding: None,
            cache_control: None,
            content_disposition: None,
            metadata: BTreeMap::new(),
            digests: Digests { crc32c: Some(crc32c), ..Digests::NONE },
        }
    }
}

impl ObjectSource for Synthetic {
    fn target(&self) -> &str {
        "synthetic"
    }

    fn list<'a>(&'a self, request: &'a ListRequest) -> BoxFuture<'a, carnet_objects::Result<Page>> {
        let from = request.page_token.as_ref().map(PageToken::as_str).or(request.start_from.as_deref());
        let first = from.map_or(0, number);
        let end = (first + PAGE).min(self.objects);
        let next = (end < self.objects).then(|| PageToken::new(name(end).as_str()));
        let objects = (first..end).map(|number| self.meta(number)).collect();
        Box::pin(async move { Ok(Page { objects, next, ..Page::default() }) })
    }

    fn head<'a>(
        &'a self,
        key: &'a Key,
        _: &'a Conditions,
    ) -> BoxFuture<'a, carnet_objects::Result<ObjectMeta>> {
        Box::pin(async { Ok(self.meta(number(key.as_str()))) })
    }

    /// Always the whole: nothing of them is big.
    fn open<'a>(&'a self, key: &'a Key, _: &'a ReadRequest) -> BoxFuture<'a, carnet_objects::Result<Opened>> {
        let number = number(key.as_str());
        let bytes = Ok(body(number, self.generation(number)));
        let body = Box::pin(stream::once(std::future::ready(bytes)));
        Box::pin(async move { Ok(Opened { meta: self.meta(number), range: 0..SIZE, body }) })
    }

    fn credential_rejected(&self) {}
}

/// Writes the first manifest of a state, as a run would have left it that copied them all.
pub async fn commit_all(job: &Job, objects: u64) -> Result<()> {
    let run = RunId::new(SystemTime::now());
    let mut receipts = Pieces::<Receipt>::new(&job.state, "seed/", Cut::default());
    for number in 0..objects {
        let receipt = Receipt {
            key: name(number),
            source_version: version(number, 0),
            source_modified: modified(number),
            size: SIZE,
            crc32c: Crc32c::of(&body(number, 0)),
            md5: None,
            etag: version(!number, 0),
            version_id: None,
            proven: Proven::Crc32c,
            unproven: None,
            origin: Origin::Copied,
            dropped: Vec::new(),
            written_at: SystemTime::UNIX_EPOCH,
            run: run.clone(),
        };
        receipts.push(&receipt).await?;
    }
    let harvest = Harvest { receipts: receipts.finish().await?, ..Harvest::default() };
    let mut manifest = Manifest::of(&job.state, &job.from, &job.to).await?;
    let merged = merge_all(job, &manifest, &run, &harvest).await?;
    swap(job, &mut manifest, &run, merged, Order::Bytes, vec![run.clone()]).await?;
    Ok(())
}

fn name(number: u64) -> Key {
    let name = format!("measurements/{:04}/{number:010}.parquet", number / 1000);
    Key::parse(&name).unwrap_or_else(|why| unreachable!("{name}: {why}"))
}

/// Of an object's name; the first where it is none of ours.
fn number(name: &str) -> u64 {
    let file = name.rsplit('/').next().unwrap_or_default();
    file.split('.').next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

fn body(number: u64, generation: u64) -> Bytes {
    let words = (0..SIZE / 8).map(|word| mixed(number ^ generation << 48 ^ word << 56));
    words.flat_map(u64::to_le_bytes).collect()
}

fn version(number: u64, generation: u64) -> Version {
    let tag = format!("0x8D{:016X}", mixed(number).wrapping_add(generation));
    Version::parse(&tag).unwrap_or_else(|_| unreachable!("{tag} is a version"))
}

/// Some second of three years.
fn modified(number: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + mixed(number) % 100_000_000)
}

/// So that what is compressed has as little in common as with real objects.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (number ^ number >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}
