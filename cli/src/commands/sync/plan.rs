//! `--dry-run`: the plan, grouped and counted, and its digest.

use super::{summary, units};
use crate::args::{Format, Global};
use crate::console::{self, HEADING, QUIET, printable, write_fields};
use crate::failure::Failure;
use carnet_sync::plan::{Kept, Reason, Skipped};
use carnet_sync::run::dry_run;
use carnet_sync::{Action, Job, Manifest, PlanDigest, Refusal, RunOptions};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

/// Names that are shown of each group: a plan may have millions.
const EXAMPLES: usize = 5;

/// What is to be done, and why: the order in which groups are shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Copy(&'static str),
    Delete(&'static str),
    Skip(&'static str),
    Keep(&'static str),
}

#[derive(Default)]
struct Content {
    objects: u64,
    bytes: u64,
    names: Vec<String>,
}

pub async fn show(job: &Arc<Job>, options: &RunOptions, global: &Global) -> Result<(), Failure> {
    let mut out = console::stdout().map_err(Failure::stdout)?;
    let mut groups: BTreeMap<Group, Content> = BTreeMap::new();
    let mut broken = None;
    let plan = dry_run(job, &options.plan, |action| {
        let Some(action) = action else {
            groups.clear();
            if global.format == Format::Json {
                keep_error(&mut broken, write_line(&mut out, &json!({ "event": "planning_again" })));
            }
            return;
        };
        if global.format == Format::Json {
            keep_error(
                &mut broken,
                write_line(&mut out, &json!({ "event": "planned_action", "does": action })),
            );
        }
        let (group, name, bytes) = of(action);
        let content = groups.entry(group).or_default();
        content.objects += 1;
        content.bytes += bytes;
        if content.names.len() < EXAMPLES {
            content.names.push(name.to_owned());
        }
    })
    .await?;
    if let Some(error) = broken {
        return Err(Failure::stdout(error));
    }
    let objects = Manifest::of(&job.state, &job.from, &job.to).await?.objects();
    let (tally, [digest, deletions]) = (plan.tally(), plan.digests());
    let refusal = options.guard.check(&tally, [&digest, &deletions], objects).err();
    let written = match global.format {
        Format::Json => {
            let last = json!({
                "event": "plan",
                "source": job.from,
                "destination": job.to,
                "planned": tally,
                "groups": groups.iter().map(|(group, content)| group.json(content)).collect::<Vec<_>>(),
                "digest": digest,
                "deletions_digest": deletions,
                "refusal": refusal,
                "objects": objects,
            });
            write_line(&mut out, &last)
        }
        Format::Text => {
            drop(out);
            let mut out = anstream::stdout().lock();
            write(&mut out, job, &groups, &digest, &deletions, tally.delete > 0, refusal.as_ref())
        }
    };
    written.map_err(Failure::stdout)?;
    match refusal {
        Some(refusal) => Err(Failure::Guard { why: refusal.to_string(), digest: deletions.to_string() }),
        None if tally.copy + tally.delete == 0 => Err(Failure::NothingToDo),
        None => Ok(()),
    }
}

fn keep_error(kept: &mut Option<io::Error>, outcome: io::Result<()>) {
    if let Err(error) = outcome {
        kept.get_or_insert(error);
    }
}

fn write_line(out: &mut impl Write, value: &serde_json::Value) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

fn of(action: &Action) -> (Group, &str, u64) {
    match action {
        Action::Copy(task) => {
            let why = match task.reason {
                Reason::New => "new",
                Reason::OtherVersion => "another version at the source",
            };
            (Group::Copy(why), task.found.key.as_str(), task.found.size)
        }
        Action::Delete(deletion) => {
            (Group::Delete("gone from the source"), deletion.key.as_str(), deletion.size)
        }
        Action::Keep { key, why } => {
            let why = match why {
                Kept::SameVersion => "the source still has the version that was copied",
                Kept::Excluded => "excluded: left alone on both sides",
                Kept::Unaddressable => "the source has it under a name that cannot be asked for",
                Kept::NotWrittenByUs => "gone from the source, but it was here before the first run",
                Kept::NotAskedToDelete => "gone from the source; --delete would delete it",
            };
            (Group::Keep(why), key.as_str(), 0)
        }
        Action::Skip { name, why } => (Group::Skip(skipped(*why)), name, 0),
    }
}

fn skipped(why: Skipped) -> &'static str {
    match why {
        Skipped::Excluded => "excluded",
        Skipped::Unaddressable => "a name that cannot be asked for",
        Skipped::NameTooLong => "with the destination's prefix its name is too long for S3",
        Skipped::Reserved => "it would lie among the files of the state",
    }
}

impl Group {
    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Group::Copy(why) => ("copy", why),
            Group::Delete(why) => ("delete", why),
            Group::Skip(why) => ("skip", why),
            Group::Keep(why) => ("keep", why),
        }
    }

    fn json(self, content: &Content) -> serde_json::Value {
        let (does, why) = self.parts();
        json!({ "does": does, "why": why, "objects": content.objects, "bytes": content.bytes })
    }
}

fn write(
    out: &mut impl Write,
    job: &Job,
    groups: &BTreeMap<Group, Content>,
    digest: &PlanDigest,
    deletions: &PlanDigest,
    deletes: bool,
    refusal: Option<&Refusal>,
) -> io::Result<()> {
    writeln!(out, "{HEADING}{} -> {}{HEADING:#} {QUIET}(nothing is written){QUIET:#}", job.from, job.to)?;
    for (group, content) in groups {
        let (does, why) = group.parts();
        let bytes = match group {
            Group::Copy(_) | Group::Delete(_) => format!(", {}", units::bytes(content.bytes)),
            _ => String::new(),
        };
        writeln!(out, "  {HEADING}{does:6}{HEADING:#}  {}{bytes}: {why}", summary::objects(content.objects))?;
        // What stays as it is needs no names.
        if matches!(group, Group::Keep(_)) {
            continue;
        }
        for name in &content.names {
            writeln!(out, "            {}", printable(name))?;
        }
        let more = content.objects - content.names.len() as u64;
        if more > 0 {
            writeln!(out, "            {QUIET}and {more} more{QUIET:#}")?;
        }
    }
    if groups.is_empty() {
        writeln!(out, "  nothing on either side")?;
    }
    let refused = refusal.map(|refusal| format!("refused: {refusal}"));
    let fields = [
        ("digest", Some(digest.as_str())),
        ("deletions", deletes.then_some(deletions.as_str())),
        ("guard", refused.as_deref()),
    ];
    write_fields(out, fields.into_iter().filter_map(|(name, value)| Some((name, value?))))
}
