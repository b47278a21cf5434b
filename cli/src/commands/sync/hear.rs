//! What a run tells while it is at work: a bar where a person watches, a line for what failed, or every
//! event as a line of JSON.

use crate::args::{Format, Global};
use crate::console::{self, WRONG, printable};
use carnet_sync::verify::Finding;
use carnet_sync::{Event, Failure, Progress, Receipt, Summary};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

pub struct Hearing {
    out: Out,
    bar: ProgressBar,
    seen: Mutex<Seen>,
    verbose: bool,
}

enum Out {
    Text,
    /// On stdout. `None` once nobody reads it any more: the run goes on.
    Json(Mutex<Option<io::BufWriter<std::fs::File>>>),
}

#[derive(Default)]
struct Seen {
    objects: u64,
    of: u64,
    /// Bytes that were sent.
    sent: u64,
    /// Bytes of objects that are whole: more, where an earlier run had sent some of them.
    whole: u64,
    /// Reading again: another count.
    verifying: bool,
}

impl Hearing {
    pub fn new(global: &Global) -> Self {
        let out = match global.format {
            Format::Text => Out::Text,
            // Without a stdout there is nobody to tell.
            Format::Json => Out::Json(Mutex::new(console::stdout().ok())),
        };
        let watched = matches!(out, Out::Text) && !global.quiet && console::stderr_is_terminal();
        let bar = match watched {
            true => ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(8)),
            false => ProgressBar::hidden(),
        };
        // The template is a constant; were it wrong, the default bar would do.
        if let Ok(style) = ProgressStyle::with_template(
            "{bar:24} {binary_bytes:>11} of {binary_total_bytes} {binary_bytes_per_sec:>13} {eta:>4}  {msg}",
        ) {
            bar.set_style(style);
        }
        bar.set_message("planning");
        Self { out, bar, seen: Mutex::default(), verbose: global.verbose > 0 && !global.quiet }
    }

    /// From here on both sides are read.
    pub fn verifying(&self, summary: &Summary) {
        *self.seen() = Seen { of: summary.objects, verifying: true, ..Seen::default() };
        self.bar.reset();
        self.bar.set_length(summary.bytes);
        self.bar.set_message("verifying");
    }

    /// Both sides of an object were read again.
    pub fn compared(&self, receipt: &Receipt, finding: &carnet_sync::Result<Finding>) {
        let key = receipt.key.as_str();
        match (&self.out, finding) {
            (Out::Json(_), Ok(finding)) => {
                self.json(&serde_json::json!({ "event": "compared", "key": key, "finding": finding }));
            }
            (_, Err(error)) => return self.hear(&Event::Failed(&Failure::new(key, error))),
            (Out::Text, Ok(finding)) => {
                if let Some(what) = super::summary::unlike(*finding) {
                    self.line(&format!("{WRONG}error:{WRONG:#} {}: {what}", printable(key)));
                }
            }
        }
        let mut seen = self.seen();
        seen.objects += 1;
        seen.whole += receipt.size;
        self.show(&seen);
    }

    /// The bar goes; what follows is written where it was.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, text: &str) {
        self.bar.suspend(|| {
            // If stderr is gone, the exit code has to do.
            let _ = writeln!(anstream::stderr(), "{text}");
        });
    }

    fn tell(&self, event: &Event<'_>) {
        match event {
            Event::Failed(failure) => {
                let (key, message) = (printable(&failure.key), &failure.message);
                self.line(&format!("{WRONG}error:{WRONG:#} {key}: {message}"));
            }
            Event::NotOurs { key } => {
                self.line(&format!("{}: is no longer what was written, and stays", printable(key)));
            }
            Event::PlanningAgain { why } if self.verbose => self.line(&format!("planning again: {why}")),
            Event::Copied { key, .. } if self.verbose => self.line(&format!("copied {}", printable(key))),
            Event::Deleted { key } if self.verbose => self.line(&format!("deleted {}", printable(key))),
            Event::Gone { key } if self.verbose => {
                self.line(&format!("gone at the source {}", printable(key)))
            }
            Event::Recovered { run, receipts } if self.verbose => {
                self.line(&format!("took over {receipts} receipts of {run}"));
            }
            _ => {}
        }
    }

    fn draw(&self, event: &Event<'_>) {
        let mut seen = self.seen();
        match event {
            Event::Planning { tally } | Event::Planned { tally, .. } => {
                seen.of = tally.copy;
                self.bar.set_length(tally.copy_bytes);
            }
            Event::PlanningAgain { .. } => self.bar.set_length(0),
            Event::Bytes { bytes } => seen.sent += bytes,
            Event::Copied { bytes, .. } => {
                seen.objects += 1;
                seen.whole += bytes;
            }
            Event::Gone { .. } | Event::Failed(_) => seen.objects += 1,
            _ => return,
        }
        self.show(&seen);
    }

    fn show(&self, seen: &Seen) {
        let at = seen.sent.max(seen.whole);
        // While the plan is made, more may be done than it knows of.
        if self.bar.length().is_some_and(|length| length < at) {
            self.bar.set_length(at);
        }
        self.bar.set_position(at);
        let of = seen.of.max(seen.objects);
        let doing = if seen.verifying { "verified" } else { "objects" };
        self.bar.set_message(format!("{} of {of} {doing}", seen.objects));
    }

    fn json(&self, line: &impl serde::Serialize) {
        let Out::Json(out) = &self.out else { return };
        let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = out.as_mut() else { return };
        let written = serde_json::to_writer(&mut *writer, line).map_err(io::Error::from);
        if written.and_then(|()| writer.write_all(b"\n")).and_then(|()| writer.flush()).is_err() {
            *out = None;
        }
    }
}

impl Progress for Hearing {
    fn hear(&self, event: &Event<'_>) {
        match &self.out {
            Out::Text => {
                self.tell(event);
                if !self.bar.is_hidden() {
                    self.draw(event);
                }
            }
            // The last line is the whole summary, with what verifying found.
            Out::Json(_) if matches!(event, Event::Finished { .. }) => {}
            Out::Json(_) => self.json(event),
        }
    }
}

impl Drop for Hearing {
    /// An error's text follows where the bar was.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
