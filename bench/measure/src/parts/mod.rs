//! One module a measurement, and the functions that are compared.

pub mod callers;
pub mod cat;
pub mod cold;
pub mod google;
pub mod million;
pub mod scale;
pub mod size;
pub mod sync;
pub mod warm;

use crate::args::Settings;
use crate::clouds::Clouds;
use crate::emulator::Emulator;
use crate::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::PathBuf;

/// A Lambda function that does the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidate {
    Ours,
    Limit,
    Python,
    OurGoogle,
    PythonGoogle,
}

impl Candidate {
    pub fn name(self) -> &'static str {
        match self {
            Candidate::Ours => "blob-api",
            Candidate::Limit => "limit",
            Candidate::Python | Candidate::PythonGoogle => "Python",
            Candidate::OurGoogle => "gcs-api",
        }
    }

    async fn start(self, settings: &Settings, clouds: &Clouds) -> Result<Emulator> {
        let mut env = match self {
            Candidate::OurGoogle | Candidate::PythonGoogle => clouds.google_env()?,
            _ => clouds.env()?,
        };
        let (program, arguments): (PathBuf, &[&str]) = match self {
            Candidate::Ours => (settings.binary("blob-api"), &[]),
            Candidate::Limit => (settings.binary("limit"), &[]),
            Candidate::OurGoogle => (settings.binary("gcs-api"), &[]),
            Candidate::Python => (settings.python.clone(), &["-m", "awslambdaric", "app.handler"]),
            Candidate::PythonGoogle => (settings.python.clone(), &["-m", "awslambdaric", "gcs_app.handler"]),
        };
        if program == settings.python {
            env.push(("PYTHONPATH".into(), settings.peer.display().to_string()));
        }
        Emulator::start(&settings.emulator, &program, arguments, &env, &clouds.http).await
    }

    /// An invocation whose answer is the blob, checked: a fast wrong answer is worth nothing.
    async fn get(self, emulator: &Emulator, event: &[u8], blob: &[u8]) -> Result {
        let answer = emulator.invoke(event).await?;
        let right = match self {
            // The head of a streamed answer is JSON; eight NUL bytes end it.
            Candidate::Ours | Candidate::Limit | Candidate::OurGoogle => answer
                .windows(8)
                .position(|bytes| bytes == [0; 8])
                .is_some_and(|end| &answer[end + 8..] == blob),
            Candidate::Python | Candidate::PythonGoogle => {
                let answer: serde_json::Value = serde_json::from_slice(&answer)?;
                answer["body"]
                    .as_str()
                    .is_some_and(|body| STANDARD.decode(body).is_ok_and(|bytes| bytes == blob))
            }
        };
        right.then_some(()).ok_or_else(|| {
            let start = String::from_utf8_lossy(&answer[..answer.len().min(300)]).into_owned();
            Error::from(format!("{} gave another answer than the blob: {start}", self.name()))
        })
    }
}

fn event(settings: &Settings, function: &str) -> Result<Vec<u8>> {
    let path = settings.events.join(format!("{function}.get.json"));
    std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()).into())
}
