//! What became of a run, and what was proven.

use super::units;
use crate::console::{HEADING, RIGHT, WRONG, span, write_fields};
use carnet_sync::verify::{Finding, Verified};
use carnet_sync::{Counts, Ending, Job, Summary};
use std::io::{self, Write};

pub fn json(job: &Job, summary: &Summary, verified: Option<&Verified>) -> serde_json::Value {
    let mut value = serde_json::to_value(summary).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("event".to_owned(), "summary".into());
        fields.insert("source".to_owned(), job.from.as_str().into());
        fields.insert("destination".to_owned(), job.to.as_str().into());
        if let Some(verified) = verified {
            fields.insert("verified".to_owned(), serde_json::to_value(verified).unwrap_or_default());
        }
    }
    value
}

pub fn write(
    out: &mut impl Write,
    job: &Job,
    summary: &Summary,
    verified: Option<&Verified>,
) -> io::Result<()> {
    writeln!(out, "{} {HEADING}{} -> {}{HEADING:#}", ending(summary.ending), job.from, job.to)?;
    let mut fields = fields(summary);
    if let Some(verified) = verified {
        fields.push(("verified", comparison(verified)));
    }
    write_fields(out, fields.iter().map(|(name, value)| (*name, value.as_str())))
}

/// For a run, and for `status`.
pub fn fields(summary: &Summary) -> Vec<(&'static str, String)> {
    let (planned, counts) = (&summary.planned, &summary.counts);
    let took = span(summary.ended.duration_since(summary.began).unwrap_or_default());
    let mut fields = vec![
        ("run", format!("{}, {took}", summary.run)),
        ("listed", objects(planned.listed)),
        ("copied", held(counts.copied, counts.copied_bytes)),
    ];
    let some = [
        ("unchanged or left", planned.keep + planned.skip, ""),
        ("adopted", counts.adopted, ": at the destination already, with the source's digest"),
        ("deleted", counts.deleted, ""),
        ("gone meanwhile", counts.gone, ": deleted at the source after it was listed"),
        ("not ours", counts.not_ours, ": to be deleted, but no longer what was written: they stay"),
        ("not deleted", counts.not_deleted, ": still to be"),
        ("failed", counts.failed, ""),
        ("left", counts.left, ": for the next run"),
    ];
    let told = some.into_iter().filter(|(_, count, _)| *count > 0);
    fields.extend(told.map(|(name, count, more)| (name, format!("{}{more}", objects(count)))));
    if let Some(proven) = proven(counts) {
        fields.push(("proven", proven));
    }
    if counts.proven_length > 0 {
        let why =
            "the length, and S3's checksum of what was read; no digest of the source's own. Receipts say why";
        fields.push(("not proven", format!("{}: only {why}", objects(counts.proven_length))));
    }
    if counts.with_dropped > 0 {
        let what = "attributes that S3 cannot hold were left out; receipts name them";
        fields.push(("dropped", format!("{}: {what}", objects(counts.with_dropped))));
    }
    if let Some(refusal) = &summary.refusal {
        fields.push(("guard", format!("refused: {refusal}")));
        fields.push(("digest", summary.deletions_digest.to_string()));
    }
    fields.push(("in the manifest", held(summary.objects, summary.bytes)));
    fields
}

fn ending(ending: Ending) -> String {
    let (style, words) = match ending {
        Ending::NothingToDo => (RIGHT, "nothing to do:"),
        Ending::Done => (RIGHT, "done:"),
        Ending::PartlyFailed => (WRONG, "partly failed:"),
        Ending::RefusedByGuard => (WRONG, "refused by the guard:"),
        Ending::Stopped => (WRONG, "stopped:"),
    };
    format!("{style}{words}{style:#}")
}

/// As `status` says it.
pub fn ended(ending: Ending) -> &'static str {
    match ending {
        Ending::NothingToDo => "nothing to do",
        Ending::Done => "done",
        Ending::PartlyFailed => "partly failed",
        Ending::RefusedByGuard => "refused by the guard",
        Ending::Stopped => "stopped",
    }
}

fn proven(counts: &Counts) -> Option<String> {
    let by = [
        (counts.proven_crc32c, "by the CRC32C that the source computed"),
        (counts.proven_md5, "by the MD5 that the source keeps"),
    ];
    let told: Vec<String> = by
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, by)| format!("{} {by}", objects(count)))
        .collect();
    (!told.is_empty()).then(|| told.join(", "))
}

fn comparison(verified: &Verified) -> String {
    let mut text =
        format!("{}, {} on both sides the same", objects(verified.same), units::bytes(verified.same_bytes));
    let others = [
        (verified.source_moved, "changed at the source since"),
        (verified.missing, "missing at the destination"),
        (verified.different, "DIFFERENT"),
        (verified.failed, "not readable"),
    ];
    for (count, what) in others.into_iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!("; {} {what}", objects(count)));
    }
    text
}

/// What is wrong with an object that was compared.
pub fn unlike(finding: Finding) -> Option<&'static str> {
    match finding {
        Finding::Same | Finding::SourceMoved => None,
        Finding::MissingAtDestination => Some("is missing at the destination"),
        Finding::Different => Some("the destination has other bytes than the source had"),
    }
}

/// `12 objects, 3.4 MiB`
pub fn held(count: u64, bytes: u64) -> String {
    format!("{}, {}", objects(count), units::bytes(bytes))
}

/// `1 object`, `12 objects`
pub fn objects(count: u64) -> String {
    format!("{count} object{}", if count == 1 { "" } else { "s" })
}
