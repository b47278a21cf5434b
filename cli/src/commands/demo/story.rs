//! What the audience reads.

use super::evidence::{Failure, Hop};
use super::letter::Swap;
use super::stage::{Answer, Stage};
use crate::args::{Format, Global};
use crate::console::{self, HEADING, LABEL, QUIET, RIGHT, WRONG, write_fields_at};
use carnet_trust::entra::FederatedCredential;
use std::io::{self, Write};
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

    pub fn opening(&mut self, stage: &Stage) -> io::Result<()> {
        let out = &mut self.out;
        writeln!(out, "{HEADING}A Lambda function reads a blob in Azure, and there is no key.{HEADING:#}\n")?;
        writeln!(out, "  caller -> API Gateway -> {LABEL}blob-api{LABEL:#} -- mint --> AWS STS")?;
        writeln!(out, "                                    -- exchange --> Microsoft Entra ID")?;
        writeln!(out, "                                    -- read --> Azure Blob Storage\n")?;
        writeln!(out, "  The function is the real binary: {}", stage.binary().display())?;
        writeln!(
            out,
            "  The clouds are stand-ins on this machine, with real keys and the clouds' own rules."
        )?;
        self.beat()
    }

    pub fn act(&mut self, title: &str, credential: &FederatedCredential) -> io::Result<()> {
        writeln!(self.out, "\n{HEADING}{title}{HEADING:#}\n")?;
        writeln!(self.out, "  The identity in Entra has one federated credential:")?;
        let audiences = credential.audiences.join(", ");
        let fields = [
            ("issuer", credential.issuer.as_str()),
            ("subject", &credential.subject),
            ("audience", &audiences),
        ];
        write_fields_at(4, &mut self.out, fields)?;
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

    pub fn change(&mut self, title: &str, swap: &Swap) -> io::Result<()> {
        let (before, after) = swap.letters();
        let out = &mut self.out;
        writeln!(out, "\n{HEADING}{title}{HEADING:#}\n")?;
        writeln!(
            out,
            "  In Entra, the last letter of the subject becomes another: `{before}` to `{after}`."
        )?;
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
        writeln!(self.out, "\n{RIGHT}All three acts went as told{RIGHT:#}, in {seconds:.1} s.")?;
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
