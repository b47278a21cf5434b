//! What people see: aligned fields, colours, moments and sizes in words.

use anstyle::{AnsiColor, Style};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use time::macros::format_description;

pub const HEADING: Style = Style::new().bold();
pub const QUIET: Style = Style::new().dimmed();
pub const RIGHT: Style = AnsiColor::Green.on_default().bold();
pub const WRONG: Style = AnsiColor::Red.on_default().bold();
pub const LABEL: Style = AnsiColor::Cyan.on_default();

/// The standard output without the line buffer that Rust puts before it, which would look through
/// every chunk for its last line end.
pub fn stdout() -> io::Result<BufWriter<File>> {
    let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    Ok(BufWriter::with_capacity(64 * 1024, file))
}

pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// `  name    value`, the names aligned.
pub fn write_fields<'a>(
    out: &mut impl Write,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> io::Result<()> {
    write_fields_at(2, out, fields)
}

/// The same, so far from the left.
pub fn write_fields_at<'a>(
    indent: usize,
    out: &mut impl Write,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> io::Result<()> {
    let fields: Vec<_> = fields.into_iter().collect();
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in fields {
        writeln!(out, "{:indent$}{LABEL}{name:width$}{LABEL:#}  {value}", "")?;
    }
    Ok(())
}

/// `2026-11-21 22:31:38`, in UTC.
pub fn date(at: SystemTime) -> String {
    const FORMAT: &[time::format_description::BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    // Formatting writes into a string: only a year beyond 9999 could fail.
    OffsetDateTime::from(at).format(FORMAT).unwrap_or_else(|_| "-".to_owned())
}

/// `2026-11-21T22:31:38Z`
pub fn rfc3339(at: SystemTime) -> Option<String> {
    const FORMAT: &[time::format_description::BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    OffsetDateTime::from(at).format(FORMAT).ok()
}

/// `2026-11-21 22:31:38 UTC (in 4 min 59 s)`
pub fn moment(at: SystemTime) -> String {
    let relation = match at.duration_since(SystemTime::now()) {
        Ok(ahead) => format!("in {}", span(ahead)),
        Err(behind) => format!("{} ago", span(behind.duration())),
    };
    format!("{} UTC ({relation})", date(at))
}

/// `1 h 2 min`, `4 min 59 s`, `12 s`
pub fn span(duration: Duration) -> String {
    // Half a second of transport should not turn 5 min 0 s into 4 min 59 s.
    let seconds = duration.as_secs_f64().round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Control characters would be orders to the terminal.
pub fn printable(name: &str) -> String {
    name.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_dates_in_words() {
        let words = |seconds| span(Duration::from_secs_f64(seconds));
        assert_eq!(words(12.4), "12 s");
        assert_eq!(words(299.7), "5 min 0 s");
        assert_eq!(words(3725.0), "1 h 2 min");
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        assert_eq!(date(at), "2001-09-09 01:46:40");
        assert_eq!(rfc3339(at).as_deref(), Some("2001-09-09T01:46:40Z"));
        assert!(moment(at).ends_with(" ago)"));
    }
}
