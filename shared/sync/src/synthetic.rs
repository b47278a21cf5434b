//! Objects that never were, and the manifest of a run that copied them all: for those who measure what
//! planning takes, so that nothing else takes any.

use crate::commit::{Harvest, merge_all, swap};
use crate::error::Result;
use crate::job::Job;
use crate::manifest::Manifest;
use crate::order::Order;
use crate::piece::{Cut, Pieces};
use crate::receipt::{Origin, Proven, Receipt};
use crate::state::RunId;
use carnet_objects::sink::Crc32c;
use carnet_objects::{
    BoxFuture, Conditions, Digests, Key, ListRequest, ObjectMeta, ObjectSource, Opened, Page, PageToken,
    ReadRequest, Version,
};
use std::collections::BTreeMap;
use std::time::SystemTime;

const PAGE: u64 = 5000;
const SIZE: u64 = 4096;

/// A source that lists so many of them.
pub struct Synthetic(pub u64);

impl ObjectSource for Synthetic {
    fn target(&self) -> &str {
        "synthetic"
    }

    fn list<'a>(&'a self, request: &'a ListRequest) -> BoxFuture<'a, carnet_objects::Result<Page>> {
        let from = request.page_token.as_ref().map(PageToken::as_str).or(request.start_from.as_deref());
        let first = from.map_or(0, number);
        let end = (first + PAGE).min(self.0);
        let next = (end < self.0).then(|| PageToken::new(name(end).as_str()));
        Box::pin(
            async move { Ok(Page { objects: (first..end).map(meta).collect(), next, ..Page::default() }) },
        )
    }

    fn head<'a>(
        &'a self,
        _: &'a Key,
        _: &'a Conditions,
    ) -> BoxFuture<'a, carnet_objects::Result<ObjectMeta>> {
        unreachable!("a plan heads nothing")
    }

    fn open<'a>(&'a self, _: &'a Key, _: &'a ReadRequest) -> BoxFuture<'a, carnet_objects::Result<Opened>> {
        unreachable!("a plan opens nothing")
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
            source_version: version(number),
            source_modified: SystemTime::UNIX_EPOCH,
            size: SIZE,
            crc32c: Crc32c::of(&number.to_be_bytes()),
            md5: None,
            etag: version(!number),
            version_id: None,
            proven: Proven::Length,
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

fn version(number: u64) -> Version {
    let tag = format!("0x8D{:016X}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    Version::parse(&tag).unwrap_or_else(|_| unreachable!("{tag} is a version"))
}

fn meta(number: u64) -> ObjectMeta {
    ObjectMeta {
        key: name(number),
        size: SIZE,
        version: version(number),
        last_modified: SystemTime::UNIX_EPOCH,
        content_type: Some("application/octet-stream".into()),
        content_encoding: None,
        cache_control: None,
        content_disposition: None,
        metadata: BTreeMap::new(),
        digests: Digests::NONE,
    }
}
