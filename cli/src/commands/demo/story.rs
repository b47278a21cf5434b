//! What the audience reads.

use super::border::{BORDERS, Border};
use super::evidence::{Failure, Hop};
use super::letter::Swap;
use super::stage::Answer;
use crate::args::{Format, Global};
use crate::console::{self, HEADING, LABEL, QUIET, RIGHT, WRONG, write_fields_at};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// For the eye to follow; only where there is one.
const BEAT: Duration = Duration::from_millis(350);
/// Of what belongs to a hop.
const INDENT: usize = 12;

pub struct Story {
    out: Box<dyn Write + Send>,
    paced: bool,
}

impl Story {
    pub fn new(global: &Global) -> Self {
        let silent = global.quiet || global.format == Format::Json;
        let out: Box<dyn Write + Send> =
            if silent { Box::new(io::sink()) } else { Box::new(anstream::stdout()) };
        Self { out, paced: !silent && console::stdout_is_terminal() }
    }

    fn beat(&mut self) -> io::Result<()> {
        self.out.flush()?;
        if self.paced {
            std::thread::sleep(BEAT);
        }
        Ok(())
    }

    pub fn opening(&mut self) -> io::Result<()> {
        let out = &mut self.out;
        writeln!(out, "{HEADING}Lambda functions read from other clouds, and there is no key.{HEADING:#}\n")?;
        for border in &BORDERS {
            let Border { function, token_service, store, .. } = border;
            writeln!(out, "  caller -> API Gateway -> {LABEL}{function:8}{LABEL:#} -- mint --> AWS STS")?;
            writeln!(out, "                                    -- exchange --> {token_service}")?;
            writeln!(out, "                                    -- read --> {store}\n")?;
        }
        writeln!(
            out,
            "  The functions are the real binaries. The clouds are stand-ins on this machine, with real keys\n  \
             and the clouds' own rules."
        )?;
        self.beat()
    }

    pub fn border(&mut self, border: &Border, binary: &Path) -> io::Result<()> {
        let Border { cloud, goods, function, .. } = border;
        writeln!(self.out, "\n{HEADING}{cloud}: {function} reads {goods}{HEADING:#}\n")?;
        writeln!(self.out, "  {QUIET}{}{QUIET:#}", binary.display())?;
        self.beat()
    }

    pub fn act(&mut self, border: &Border, title: &str, trust: &[(&str, String)]) -> io::Result<()> {
        writeln!(self.out, "\n{HEADING}{}. {title}{HEADING:#}\n", border.cloud)?;
        writeln!(self.out, "  {}", border.trust)?;
        write_fields_at(4, &mut self.out, trust.iter().map(|(name, value)| (*name, value.as_str())))?;
        self.beat()
    }

    pub fn works(&mut self, url: &str, hops: &[Hop], answer: &Answer) -> io::Result<()> {
        self.request(url)?;
        self.hops(hops)?;
        let size = format!("{} bytes", answer.body.len());
        let fields = [
            ("bytes", Some(size.as_str())),
            ("type", answer.content_type.as_deref()),
            ("etag", answer.etag.as_deref()),
        ];
        let ok = answer.status == 200;
        self.step(if ok { RIGHT } else { WRONG }, "read", &format!("status {}", answer.status))?;
        write_fields_at(
            INDENT,
            &mut self.out,
            fields.into_iter().filter_map(|(name, value)| Some((name, value?))),
        )?;
        self.body(answer)
    }

    pub fn change(&mut self, border: &Border, title: &str, swap: &Swap) -> io::Result<()> {
        let (before, after) = swap.letters();
        let (cloud, field) = (border.cloud, border.field);
        let out = &mut self.out;
        writeln!(out, "\n{HEADING}{cloud}. {title}{HEADING:#}\n")?;
        writeln!(out, "  There, the last letter of the {field} becomes another: `{before}` to `{after}`.")?;
        let (head, tail) = (&swap.after[..swap.at], &swap.after[swap.at + 1..]);
        writeln!(out, "  {LABEL}was{LABEL:#}  {}", swap.before)?;
        writeln!(out, "  {LABEL}is{LABEL:#}   {head}{WRONG}{after}{WRONG:#}{tail}")?;
        writeln!(out, "       {}{WRONG}^{WRONG:#}", " ".repeat(swap.at))?;
        self.beat()
    }

    pub fn refused(&mut self, url: &str, hops: &[Hop], answer: &Answer, failure: &Failure) -> io::Result<()> {
        self.request(url)?;
        self.hops(hops)?;
        self.step(WRONG, "exchange", &format!("refused: {}", failure.code.as_deref().unwrap_or("no code")))?;
        writeln!(
            self.out,
            "\n  The caller gets status {WRONG}{}{WRONG:#}, and no internals:",
            answer.status
        )?;
        self.body(answer)?;
        writeln!(
            self.out,
            "\n  The operator's log line of that request names the field, and what to change:"
        )?;
        for line in failure.error.split("; ") {
            let style = if line.starts_with("field at fault") { WRONG } else { anstyle::Style::new() };
            writeln!(self.out, "{:INDENT$}{QUIET}|{QUIET:#} {style}{line}{style:#}", "")?;
        }
        self.beat()
    }

    pub fn repair(&mut self, swap: &Swap) -> io::Result<()> {
        let (before, after) = swap.letters();
        writeln!(self.out, "\n  The operator does as told: `{after}` to `{before}`.")
    }

    pub fn end(&mut self, took: Duration) -> io::Result<()> {
        let seconds = took.as_secs_f64();
        writeln!(self.out, "\n{RIGHT}All acts went as told{RIGHT:#}, in {seconds:.1} s.")?;
        self.out.flush()
    }

    /// In place of the story.
    pub fn json(&self, summary: &serde_json::Value) -> io::Result<()> {
        writeln!(io::stdout(), "{summary:#}")
    }

    fn request(&mut self, url: &str) -> io::Result<()> {
        writeln!(self.out, "\n  {HEADING}> GET {url}{HEADING:#}")?;
        self.beat()
    }

    fn hops(&mut self, hops: &[Hop]) -> io::Result<()> {
        for hop in hops {
            self.step(
                RIGHT,
                &hop.hop,
                &format!("{}  {QUIET}{:.1} ms{QUIET:#}", hop.target, hop.duration_ms),
            )?;
            let life = hop.expires_in.map(|seconds| console::span(Duration::from_secs(seconds)));
            let fields = [
                ("subject", &hop.subject),
                ("audience", &hop.audience),
                ("jti", &hop.jti),
                ("scope", &hop.scope),
                ("expires in", &life),
            ];
            let fields = fields.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
            write_fields_at(INDENT, &mut self.out, fields)?;
            self.beat()?;
        }
        Ok(())
    }

    fn step(&mut self, style: anstyle::Style, name: &str, what: &str) -> io::Result<()> {
        writeln!(self.out, "\n  {style}{name:8}{style:#}  {what}")
    }

    fn body(&mut self, answer: &Answer) -> io::Result<()> {
        let text = String::from_utf8_lossy(&answer.body);
        let pretty = serde_json::from_str::<serde_json::Value>(&text).map(|value| format!("{value:#}"));
        for line in pretty.as_deref().unwrap_or(&text).lines() {
            writeln!(self.out, "{:INDENT$}{QUIET}|{QUIET:#} {line}", "")?;
        }
        self.beat()
    }
}
