//! The command line, and where `cargo xtask bench` has put things.

use crate::Result;
use lexopt::prelude::*;
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Cold,
    Warm,
    Cat,
    Callers,
    Size,
    Google,
    Sync,
    Million,
    Scale,
}

const PARTS: [(&str, Part); 9] = [
    ("cold", Part::Cold),
    ("warm", Part::Warm),
    ("cat", Part::Cat),
    ("callers", Part::Callers),
    ("size", Part::Size),
    ("google", Part::Google),
    ("sync", Part::Sync),
    ("million", Part::Million),
    ("scale", Part::Scale),
];

pub struct Settings {
    only: Vec<Part>,
    pub quick: bool,
    pub check: bool,
    /// The release binaries.
    pub binaries: PathBuf,
    pub output: PathBuf,
    /// The interpreter with the handler's libraries.
    pub python: PathBuf,
    /// The folder of the Python handler.
    pub peer: PathBuf,
    pub emulator: PathBuf,
    pub rclone: PathBuf,
    pub events: PathBuf,
}

pub enum Invocation {
    Bench(Settings),
    /// This program, run as the parent of another, to learn what that one used.
    Measured(Vec<OsString>),
}

impl Settings {
    pub fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// Whether anything is wanted that the stand-ins take part in.
    pub fn wants_clouds(&self) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| !matches!(part, Part::Size | Part::Scale))
    }

    pub fn binary(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }
}

pub fn parse(mut parser: lexopt::Parser) -> Result<Invocation> {
    let (mut only, mut quick, mut check) = (Vec::new(), false, false);
    while let Some(argument) = parser.next()? {
        match argument {
            Value(word) if word == "measured" => {
                return Ok(Invocation::Measured(parser.raw_args()?.collect()));
            }
            Long("quick") => quick = true,
            Long("check") => check = true,
            Long("only") => {
                for name in parser.value()?.string()?.split(',') {
                    let part = PARTS.iter().find(|(known, _)| *known == name);
                    only.push(part.ok_or_else(|| unknown(name))?.1);
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Invocation::Bench(Settings {
        only,
        quick,
        check,
        binaries: variable("CARNET_BENCH_BINARIES")?,
        output: variable("CARNET_BENCH_OUTPUT")?,
        python: variable("CARNET_BENCH_PYTHON")?,
        peer: variable("CARNET_BENCH_PEER")?,
        emulator: variable("CARNET_RIE_BIN")?,
        rclone: variable("CARNET_RCLONE")?,
        events: variable("CARNET_BENCH_EVENTS")?,
    }))
}

fn unknown(part: &str) -> String {
    let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    format!("there is no part {part:?}; the parts are {}", names.join(", "))
}

fn variable(name: &str) -> Result<PathBuf> {
    match std::env::var_os(name) {
        Some(value) => Ok(value.into()),
        None => Err(format!("{name} is not set: run `cargo xtask bench`").into()),
    }
}
