//! Other people's servers, which `cargo xtask test` has installed.

use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A program that a variable names.
pub fn tool(variable: &str, name: &str) -> Command {
    let Some(program) = std::env::var_os(variable) else {
        panic!(
            "{variable} is not set: run this by `cargo xtask test --only <name of the test's file>`, which installs {name} and sets it"
        )
    };
    Command::new(program)
}

/// A running server: ends with the test.
pub struct Server {
    /// Without a slash at the end.
    pub url: String,
    _process: Child,
}

impl Server {
    /// Waits until it says where it listens: the URL that follows `says`.
    pub async fn start(mut command: Command, says: &'static str) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, url)) = line.split_once(says) {
                    return url.trim_matches([']', '/', ' ']).to_owned();
                }
            }
            panic!("the server ended before it listened");
        };
        let url = tokio::time::timeout(Duration::from_secs(120), listening).await;
        let url = url.expect("the server says where it listens");
        // Its log goes on for as long as it runs; unread, it would block.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { url, _process: process }
    }
}
