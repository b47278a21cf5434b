//! `carnet sync`
//!
//! | module | what happens there |
//! |---|---|
//! | this one | the command line of a run; the two ends and the state; run, then compare |
//! | `options` | what is copied, how, and how much may be deleted |
//! | `units` | sizes, times and tags as people write them |
//! | `plan` | `--dry-run`: the plan, grouped and counted |
//! | `hear` | what a run tells while it is at work: a bar, lines, or JSON |
//! | `summary` | what became of it, and what was proven |
//! | `status` | `carnet sync status` |

mod hear;
mod options;
mod plan;
mod status;
mod summary;
mod units;

use crate::args::{Format, Global};
use crate::console;
use crate::failure::Failure;
use crate::way::stored_secrets;
use carnet_federation::config::Env;
use carnet_objects::s3::S3Bucket;
use carnet_objects::way::{self, Buckets, Ends};
use carnet_objects::{ObjectSource, PlaceUrl};
use carnet_sync::verify::{Verified, verify};
use carnet_sync::{Ending, Job, Lease, RunId, State, Stop, Summary};
use hear::Hearing;
use std::io::Write as _;
use std::sync::Arc;

/// Below the destination, unless --state names another place.
const STATE_FOLDER: &str = ".carnet-sync/";

const EXAMPLES: &str = "\
Examples:
  carnet sync azure://account/container/reports s3://bucket/reports
  carnet sync gs://bucket s3://bucket/copies --exclude '**/*.tmp' --dry-run
  carnet sync gs://bucket s3://bucket/copies --delete --max-delete 50
  carnet sync gs://bucket s3://bucket/copies --delete --confirm DIGEST     as --dry-run printed it
  carnet sync gs://bucket s3://bucket/copies --bandwidth 20MiB --format json
  carnet sync status s3://bucket/copies

What is copied: objects that are new at the source, or have another version there than was copied;
never by size or date. The version is pinned while it is read, and S3 checks the CRC32C of what it
gets before anything is visible. Big objects go in parts: what has arrived is kept, and the next run
goes on from it, in whatever process. Ctrl-C and SIGTERM end a run cleanly; a second signal ends it
at once, and the next run finds what was left.

Exit codes of this command, beside those of `carnet --help`:
  0    done: something was copied or deleted, and nothing failed
  10   nothing to do: the destination is what it should be
  11   partly failed: some objects failed, the rest is done; the next run tries them again
  12   refused by the guard: the copies are done, nothing was deleted
  13   another run holds the lease, or took over
  14   --verify found objects that are not the same on both sides
  130  stopped by a signal: the next run goes on
With --dry-run it is what the run's would be, as far as a plan can tell: 0, 10 or 12.

Attributes, the files of the state, guarantees: docs/sync.md";

/// Copy a container or bucket into S3, and keep the copy as the source is
///
/// The first run copies, later ones only what changed. What was written is in a manifest below the
/// destination (.carnet-sync/), object by object with its digests. Nothing is deleted without
/// --delete, and with it only what this command has written, and no more than the guard lets it.
#[derive(clap::Args)]
#[command(
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// azure://account/container[/prefix] or gs://bucket[/prefix]
    #[arg(value_name = "SRC", value_parser = source, required = true)]
    from: Option<PlaceUrl>,
    /// s3://bucket[/prefix]
    #[arg(value_name = "DST", value_parser = destination, required = true)]
    to: Option<PlaceUrl>,
    #[command(flatten)]
    options: options::Options,
    /// Print what would be done and why, and the plan's digest; write nothing
    #[arg(long, help_heading = "Options")]
    dry_run: bool,
    /// Afterwards read both sides of every object again, and compare
    #[arg(long, conflicts_with = "dry_run", help_heading = "Options")]
    verify: bool,
    /// Where the manifest and the lease are kept [default: .carnet-sync/ below DST]
    #[arg(long, value_name = "s3://BUCKET/FOLDER", value_parser = state_place, help_heading = "Options")]
    state: Option<PlaceUrl>,
    /// Take the lease from this run, which is known to be dead; the refusal names it
    #[arg(long, value_name = "RUN", value_parser = run_id, conflicts_with = "dry_run", help_heading = "Options")]
    break_lease: Option<RunId>,
}

#[derive(clap::Subcommand)]
enum Command {
    Status(status::Args),
}

fn source(text: &str) -> Result<PlaceUrl, String> {
    match PlaceUrl::parse(text).map_err(|fault| fault.to_string())? {
        PlaceUrl::S3 { .. } => Err("a source is azure://account/container or gs://bucket".to_owned()),
        place => Ok(place),
    }
}

fn destination(text: &str) -> Result<PlaceUrl, String> {
    match PlaceUrl::parse(text).map_err(|fault| fault.to_string())? {
        place @ PlaceUrl::S3 { .. } => Ok(place),
        _ => Err("a destination is s3://bucket or s3://bucket/prefix".to_owned()),
    }
}

fn state_place(text: &str) -> Result<PlaceUrl, String> {
    match destination(text)? {
        place if place.prefix().is_empty() => Err("the state needs a folder: s3://bucket/folder".to_owned()),
        place => Ok(place),
    }
}

fn run_id(text: &str) -> Result<RunId, String> {
    RunId::parse(text).ok_or_else(|| "a run is named like 20260102T030405Z-1a2b3c4d".to_owned())
}

pub async fn run(args: &Args, global: &Global, env: &Env) -> Result<(), Failure> {
    match (&args.command, &args.from, &args.to) {
        (Some(Command::Status(args)), ..) => status::run(args, global, env).await,
        (None, Some(from), Some(to)) => sync(args, from, to, global, env).await,
        _ => Err(Failure::Usage("SRC and DST are missing".to_owned())),
    }
}

async fn sync(
    args: &Args,
    from: &PlaceUrl,
    to: &PlaceUrl,
    global: &Global,
    env: &Env,
) -> Result<(), Failure> {
    let options = args.options.run_options()?;
    // From here on a signal stops the run, however early it comes.
    let signals = super::Stop::listen();
    let ends = way::ends_with_secrets(env, from, stored_secrets(env)).await?;
    let (job, bucket) = job(args, from, to, &ends)?;
    if args.dry_run {
        return plan::show(&job, &options, global).await;
    }
    if let Some(run) = &args.break_lease {
        Lease::break_held(&job.state, run).await?;
    }
    let stop = stop_at(signals);
    let hearing = Arc::new(Hearing::new(global));
    let outcome = carnet_sync::run(job.clone(), options.clone(), hearing.clone(), stop.clone()).await;
    let summary = match outcome {
        Ok(summary) => summary,
        Err(error) => {
            hearing.end();
            return Err(error.into());
        }
    };
    let verified = if args.verify && summary.ending != Ending::Stopped {
        hearing.verifying(&summary);
        let destination: Arc<dyn ObjectSource> = bucket;
        let at_once = options.copy.objects_at_once;
        let each = |receipt: &_, finding: &_| hearing.compared(receipt, finding);
        let verified = verify(&job, &destination, at_once, &stop, each).await;
        hearing.end();
        Some(verified?)
    } else {
        None
    };
    hearing.end();
    tell(&job, &summary, verified.as_ref(), global)?;
    ended(&summary, verified.as_ref())
}

fn job(
    args: &Args,
    from: &PlaceUrl,
    to: &PlaceUrl,
    ends: &Ends,
) -> Result<(Arc<Job>, Arc<S3Bucket>), Failure> {
    let PlaceUrl::S3 { bucket, prefix } = to else {
        return Err(Failure::Usage(format!("{to} is no bucket of S3")));
    };
    let sink = ends.buckets.bucket(bucket)?;
    let state = state(args.state.as_ref(), to, &ends.buckets)?;
    let source = ends.from.objects.clone();
    let job = Job::new(source, from.to_string(), sink.clone(), to.to_string(), prefix, state)?;
    Ok((Arc::new(job), sink))
}

/// The state that belongs to a destination.
fn state(named: Option<&PlaceUrl>, to: &PlaceUrl, buckets: &Buckets) -> Result<State, Failure> {
    let (PlaceUrl::S3 { bucket, prefix }, own) = (named.unwrap_or(to), named.is_none()) else {
        return Err(Failure::Usage(format!("{to} is no bucket of S3")));
    };
    let folder = if own { format!("{prefix}{STATE_FOLDER}") } else { prefix.clone() };
    Ok(State::new(buckets.bucket(bucket)?, folder)?)
}

/// The first signal stops the run, which takes as long as what is under way; the second ends the process.
fn stop_at(mut signals: super::Stop) -> Stop {
    let stop = Stop::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        signals.asked_for().await;
        asked.stop();
        signals.asked_for().await;
        std::process::exit(130);
    });
    stop
}

fn tell(job: &Job, summary: &Summary, verified: Option<&Verified>, global: &Global) -> Result<(), Failure> {
    let written = match global.format {
        Format::Json => console::stdout().and_then(|mut out| {
            writeln!(out, "{}", summary::json(job, summary, verified)).and_then(|()| out.flush())
        }),
        Format::Text => summary::write(&mut anstream::stdout(), job, summary, verified),
    };
    written.map_err(Failure::stdout)
}

/// The exit code follows it.
fn ended(summary: &Summary, verified: Option<&Verified>) -> Result<(), Failure> {
    let counts = &summary.counts;
    if verified.is_some_and(|verified| verified.stopped) {
        return Err(Failure::Interrupted);
    }
    match summary.ending {
        Ending::Stopped => Err(Failure::Interrupted),
        Ending::RefusedByGuard => {
            let why = summary.refusal.as_ref().map(ToString::to_string).unwrap_or_default();
            Err(Failure::Guard { why, digest: summary.deletions_digest.to_string() })
        }
        Ending::PartlyFailed => Err(Failure::Partly(format!(
            "{} objects could not be copied and {} not deleted: the next run tries them again",
            counts.failed, counts.not_deleted
        ))),
        _ if verified.is_some_and(|verified| !verified.is_good()) => {
            Err(Failure::NotTheSame("objects are not the same on both sides: see above".to_owned()))
        }
        Ending::NothingToDo => Err(Failure::NothingToDo),
        Ending::Done => Ok(()),
    }
}
