//! A synthetic source of a million objects, and a manifest in S3 that has them all: `million seed`
//! writes the manifest, as a run would have left it that copied them; `million plan` compares the two.

use carnet_federation::config::{self, Env};
use carnet_federation::http::Http;
use carnet_federation::mint::AwsSession;
use carnet_objects::s3::{S3Bucket, S3Settings};
use carnet_objects::sink::Crc32c;
use carnet_objects::{
    BoxFuture, Conditions, Digests, Key, ListRequest, ObjectMeta, ObjectSource, Opened, Page, PageToken,
    ReadRequest, Version,
};
use carnet_sync::commit::{Harvest, merge_all, swap};
use carnet_sync::order::Order;
use carnet_sync::piece::{Cut, Pieces};
use carnet_sync::{Job, Manifest, Origin, PlanOptions, Proven, Receipt, RunId, State, dry_run};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

type Error = Box<dyn std::error::Error + Send + Sync>;

const OBJECTS: u64 = 1_000_000;
const PAGE: u64 = 5000;
const BUCKET: &str = "carnet-bench-copies";
const PREFIX: &str = "million/";

#[tokio::main]
async fn main() -> Result<(), Error> {
    let job = job().await?;
    match std::env::args().nth(1).as_deref() {
        Some("seed") => seed(&job).await,
        Some("plan") => plan(&job).await,
        _ => Err("usage: million seed|plan".into()),
    }
}

async fn job() -> Result<Arc<Job>, Error> {
    let env = Env::from_process();
    let http = Http::from_env(&env)?;
    let session = AwsSession::load(&http).await?;
    let settings = config::gather(|faults| S3Settings::read(&env, faults))?;
    let sink = Arc::new(S3Bucket::new(&http, &session, &settings, BUCKET)?);
    let state = State::new(sink.clone(), format!("{PREFIX}.carnet-sync/"))?;
    let to = format!("s3://{BUCKET}/{PREFIX}");
    Ok(Arc::new(Job::new(Arc::new(Synthetic), "synthetic://", sink, to, PREFIX, state)?))
}

async fn seed(job: &Job) -> Result<(), Error> {
    let run = RunId::new(SystemTime::now());
    let mut receipts = Pieces::<Receipt>::new(&job.state, "seed/", Cut::default());
    for number in 0..OBJECTS {
        let receipt = Receipt {
            key: name(number)?,
            source_version: version(number)?,
            source_modified: SystemTime::UNIX_EPOCH,
            size: 4096,
            crc32c: Crc32c::of(&number.to_be_bytes()),
            md5: None,
            etag: version(!number)?,
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

async fn plan(job: &Arc<Job>) -> Result<(), Error> {
    let plan = dry_run(job, &PlanOptions::default(), |_| {}).await?;
    let tally = plan.tally();
    match (tally.listed, tally.keep) {
        (OBJECTS, OBJECTS) => Ok(()),
        (listed, keep) => Err(format!("{listed} objects were listed, {keep} of them unchanged").into()),
    }
}

/// So many objects that never were.
struct Synthetic;

impl ObjectSource for Synthetic {
    fn target(&self) -> &str {
        "synthetic"
    }

    fn list<'a>(&'a self, request: &'a ListRequest) -> BoxFuture<'a, carnet_objects::Result<Page>> {
        let from = request.page_token.as_ref().map(PageToken::as_str).or(request.start_from.as_deref());
        Box::pin(async move {
            let first = from.map_or(0, number);
            let end = (first + PAGE).min(OBJECTS);
            let objects = (first..end).filter_map(|number| meta(number).ok()).collect();
            let next = name(end).ok().filter(|_| end < OBJECTS).map(|name| PageToken::new(name.as_str()));
            Ok(Page { objects, next, ..Page::default() })
        })
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

fn name(number: u64) -> Result<Key, Error> {
    let name = format!("measurements/{:04}/{number:010}.parquet", number / 1000);
    Key::parse(&name).map_err(|why| format!("{name}: {why}").into())
}

/// Of an object's name; the first where it is none of ours.
fn number(name: &str) -> u64 {
    let file = name.rsplit('/').next().unwrap_or_default();
    file.split('.').next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

fn version(number: u64) -> Result<Version, Error> {
    let tag = format!("0x8D{:016X}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    Version::parse(&tag).map_err(|_| format!("{tag} is no version").into())
}

fn meta(number: u64) -> Result<ObjectMeta, Error> {
    Ok(ObjectMeta {
        key: name(number)?,
        size: 4096,
        version: version(number)?,
        last_modified: SystemTime::UNIX_EPOCH,
        content_type: Some("application/octet-stream".into()),
        content_encoding: None,
        cache_control: None,
        content_disposition: None,
        metadata: BTreeMap::new(),
        digests: Digests::NONE,
    })
}
