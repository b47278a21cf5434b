//! `carnet cat`

mod progress;
mod sink;

use crate::args::{Format, Global};
use crate::failure::Failure;
use crate::location::Location;
use crate::{console, way};
use carnet_federation::config::Env;
use carnet_objects::{ByteRange, Key, Kind, ObjectMeta, ObjectSource, ReadRequest, Verdict, read};
use futures_util::StreamExt as _;
use progress::Progress;
use sink::Sink;
use std::io::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  carnet cat azure://account/container/reports/june.csv | head
  carnet cat gs://bucket/backup.tar -o backup.tar
  carnet cat --range 0-99 azure://account/container/video.mp4      the first hundred bytes
  carnet cat --range bytes=-16 azure://account/container/video.mp4 the last sixteen";

/// Read an object: to stdout, or into a file
///
/// A transfer that is cut is resumed with the version pinned. The bytes are counted and, where the
/// store keeps a digest of the whole object (Azure: MD5; Cloud Storage: CRC32C), checked. A file appears under its name only when it is whole
/// and checked. On stdout the last bytes are held back until then: an exit code other than 0 means
/// that what was written is not to be used.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// azure://account/container/key or gs://bucket/key
    location: Location,
    /// A part of it: FIRST-LAST (both counted), FIRST- or -COUNT; `bytes=` may stand before it
    #[arg(long, value_parser = range, allow_hyphen_values = true)]
    range: Option<ByteRange>,
    /// Write into this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn range(text: &str) -> Result<ByteRange, String> {
    let set = text.strip_prefix("bytes=").unwrap_or(text);
    ByteRange::from_header(&format!("bytes={set}"))
        .ok_or_else(|| "a range is FIRST-LAST, FIRST- or -COUNT, in bytes".to_owned())
}

pub async fn run(args: &Args, global: &Global, env: &Env) -> Result<(), Failure> {
    let key = Key::parse(&args.location.rest)
        .map_err(|fault| Failure::Usage(format!("{}KEY: {fault}", args.location.store)))?;
    let source = way::store(env, &args.location).await?;
    let done = match &args.output {
        None => transfer(&source, &key, args.range, Sink::stdout()?, global).await?,
        Some(_) => into_file(args, &source, &key, global).await?,
    };
    done.tell(global)
}

/// Nothing of a file is seen before it is right, so a wrong or changed object can be read anew, once.
async fn into_file(
    args: &Args,
    source: &Arc<dyn ObjectSource>,
    key: &Key,
    global: &Global,
) -> Result<Done, Failure> {
    let Some(path) = &args.output else { return Err(Failure::Usage("no file is named".to_owned())) };
    let once = async || {
        // Dropping the transfer removes what it began to write.
        tokio::select! {
            done = transfer(source, key, args.range, Sink::file(path)?, global) => done,
            () = crate::commands::stopped() => Err(Failure::Interrupted),
        }
    };
    match once().await {
        Err(Failure::Hop(error)) if matches!(error.kind(), Kind::Malformed | Kind::Changed) => {
            tracing::warn!(%error, "read again from the start");
            once().await
        }
        outcome => outcome,
    }
}

async fn transfer(
    source: &Arc<dyn ObjectSource>,
    key: &Key,
    range: Option<ByteRange>,
    mut sink: Sink,
    global: &Global,
) -> Result<Done, Failure> {
    let request = ReadRequest { range, ..ReadRequest::default() };
    let mut reading = read(source.clone(), key, request).await?;
    let progress = Progress::new(reading.range(), sink.is_stdout(), global);
    while let Some(chunk) = reading.next().await {
        let chunk = chunk?;
        sink.write(&chunk)?;
        progress.add(chunk.len());
    }
    sink.finish()?;
    progress.finish();
    Ok(Done { meta: reading.meta().clone(), range: reading.range(), verdict: reading.verdict() })
}

struct Done {
    meta: ObjectMeta,
    range: Range<u64>,
    verdict: Verdict,
}

impl Done {
    /// On stderr: stdout is the object's.
    fn tell(&self, global: &Global) -> Result<(), Failure> {
        let bytes = self.range.end - self.range.start;
        let mut stderr = std::io::stderr().lock();
        let written = match global.format {
            Format::Json => writeln!(stderr, "{}", self.json(bytes)),
            Format::Text if global.verbose > 0 => {
                writeln!(
                    stderr,
                    "{}: {bytes} bytes, version {}, {}",
                    self.meta.key, self.meta.version, self.verdict
                )
            }
            Format::Text => Ok(()),
        };
        // The bytes are where they should be; that nobody listens is no failure.
        drop(written);
        Ok(())
    }

    fn json(&self, bytes: u64) -> serde_json::Value {
        let verdict = match self.verdict {
            Verdict::Verified { .. } => "verified",
            Verdict::NothingToCheck => "nothing_to_check",
            Verdict::RangeNotChecked => "range_not_checked",
        };
        let algorithm = match self.verdict {
            Verdict::Verified { algorithm } => Some(algorithm.as_str()),
            _ => None,
        };
        serde_json::json!({
            "key": self.meta.key.as_str(),
            "etag": self.meta.version.as_str(),
            "size": self.meta.size,
            "first": self.range.start,
            "bytes": bytes,
            "last_modified": console::rfc3339(self.meta.last_modified),
            "content_type": self.meta.content_type,
            "verdict": verdict,
            "digest": algorithm,
        })
    }
}
