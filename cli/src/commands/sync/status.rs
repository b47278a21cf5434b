//! `carnet sync status`

use super::{destination, state_place, summary};
use crate::args::{Format, Global};
use crate::console::{HEADING, QUIET, moment, write_fields};
use crate::failure::Failure;
use crate::way::stored_secrets;
use carnet_federation::config::Env;
use carnet_objects::PlaceUrl;
use carnet_objects::way;
use carnet_sync::Status;
use std::io::{self, Write};
use std::time::SystemTime;

/// What the state of a destination says: the last run, what is in the manifest, who holds the lease
///
/// Reads, and changes nothing. Exit code 6 means that there has been no run.
#[derive(clap::Args)]
pub struct Args {
    /// The destination of a sync: s3://bucket[/prefix]
    #[arg(value_name = "DST", value_parser = destination)]
    to: PlaceUrl,
    /// Where the manifest and the lease are kept, if --state said so [default: .carnet-sync/ below DST]
    #[arg(long, value_name = "s3://BUCKET/FOLDER", value_parser = state_place)]
    state: Option<PlaceUrl>,
}

pub async fn run(args: &Args, global: &Global, env: &Env) -> Result<(), Failure> {
    let buckets = way::buckets_with_secrets(env, stored_secrets(env)).await?;
    let state = super::state(args.state.as_ref(), &args.to, &buckets)?;
    let status = carnet_sync::status(&state).await?;
    if status.manifest.is_none() && status.lease.is_none() && status.unfinished.is_empty() {
        return Err(Failure::NoRun(args.to.to_string()));
    }
    let mut out = anstream::stdout().lock();
    let written = match global.format {
        Format::Json => writeln!(out, "{}", serde_json::to_value(&status).unwrap_or_default()),
        Format::Text => write(&mut out, args, &status),
    };
    written.map_err(Failure::stdout)
}

fn write(out: &mut impl Write, args: &Args, status: &Status) -> io::Result<()> {
    let mut fields = Vec::new();
    match &status.manifest {
        Some(held) => {
            writeln!(out, "{HEADING}{} -> {}{HEADING:#}", held.source, held.destination)?;
            fields.push(("manifest", summary::held(held.objects, held.bytes)));
            fields.push(("written", moment(held.written_at)));
            if held.pending > 0 {
                fields.push((
                    "pending",
                    format!("{} to be deleted, not confirmed", summary::objects(held.pending)),
                ));
            }
        }
        None => writeln!(out, "{HEADING}{}{HEADING:#}, no run has ended yet", args.to)?,
    }
    fields.push(("lease", lease(status)));
    if status.uploads > 0 {
        let text = format!("{} on the way in parts", summary::objects(status.uploads));
        fields.push(("uploads", text));
    }
    for run in &status.unfinished {
        fields.push(("unfinished", format!("{run}: at work, or left for the next run to take over")));
    }
    write_fields(out, fields.iter().map(|(name, value)| (*name, value.as_str())))?;
    if let Some(last) = &status.last_run {
        writeln!(out, "last run: {} {QUIET}{}{QUIET:#}", summary::ended(last.ending), moment(last.ended))?;
        let mut fields = summary::fields(last);
        fields.extend(told(args, status));
        write_fields(out, fields.iter().map(|(name, value)| (*name, value.as_str())))?;
    }
    Ok(())
}

/// What the last run's report says, and where it is.
fn told(args: &Args, status: &Status) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    if let Some(spent) = &status.spent {
        let seconds = format!("{:.0} s of workers in {} calls", spent.worker_seconds, spent.calls);
        fields.push(("spent", seconds));
    }
    if let Some(cost) = &status.cost {
        let but = if cost.complete { "" } else { ", without what has no price" };
        let total = format!("about {:.2} {} by list prices{but}", cost.total.as_f64(), cost.currency);
        fields.push(("cost", total));
    }
    let place = args.state.as_ref().unwrap_or(&args.to);
    if let (Some(name), PlaceUrl::S3 { bucket, .. }) = (&status.report, place) {
        fields.push(("report", format!("s3://{bucket}/{name}")));
    }
    fields
}

fn lease(status: &Status) -> String {
    match &status.lease {
        None => "nobody is at work".to_owned(),
        Some(held) if held.expires < SystemTime::now() => {
            format!(
                "{} of {} had it and did not give it back; it ended {}",
                held.run,
                held.holder,
                moment(held.expires)
            )
        }
        Some(held) => format!("{} of {}, until {}", held.run, held.holder, moment(held.expires)),
    }
}
