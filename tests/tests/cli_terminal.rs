//! The command on a terminal: colours, the progress bar, the warning before a token. A real
//! pseudo-terminal, since nothing else takes these ways.

mod cli_support;

use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_tests::{ACCOUNT, BUCKET, CONTAINER, S3_BUCKET, Stage};
use cli_support::{Vars, changed, command};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::process::Stdio;

/// Runs it with all of its output on one terminal; its exit code, and what a person would have seen.
async fn on_a_terminal(vars: &Vars, args: &[&str]) -> (i32, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("a terminal");
    unlockpt(&terminal).expect("a terminal");
    let name = ptsname(&terminal, Vec::new()).expect("its name").into_string().expect("a plain name");
    let open = || Stdio::from(OpenOptions::new().read(true).write(true).open(&name).expect("its other end"));
    let mut command = command(vars, args);
    let mut child =
        command.env("TERM", "xterm-256color").stdout(open()).stderr(open()).spawn().expect("carnet runs");
    // The command holds the other end too: reading would not end before it is dropped.
    drop(command);
    let reading = tokio::task::spawn_blocking(move || {
        let (mut terminal, mut seen) = (File::from(terminal), Vec::new());
        // When nobody holds the other end any more, Linux ends this with EIO.
        let _ = terminal.read_to_end(&mut seen);
        String::from_utf8_lossy(&seen).into_owned()
    });
    let status = child.wait().await.expect("an end");
    (status.code().expect("an exit code"), reading.await.expect("what was seen"))
}

const BOLD: &str = "\u{1b}[1m";

#[tokio::test(flavor = "multi_thread")]
async fn colours_are_for_terminals_and_for_those_who_want_them() {
    let stage = Stage::new().await;
    let (code, seen) = on_a_terminal(&stage.env(), &["token"]).await;
    assert!(code == 0 && seen.contains(BOLD) && seen.contains("subject"), "{seen}");
    let (code, seen) = on_a_terminal(&changed(&stage, &[("NO_COLOR", "1")]), &["token"]).await;
    assert!(code == 0 && !seen.contains('\u{1b}') && seen.contains("subject"), "{seen}");
    let wrong = changed(&stage, &[("AZURE_CLIENT_ID", "reader")]);
    let (code, seen) = on_a_terminal(&wrong, &["token", "--exchange"]).await;
    assert!(code == 3 && seen.contains("error:") && seen.contains("AZURE_CLIENT_ID"), "{seen}");
    let (code, seen) = on_a_terminal(&stage.env(), &["token", "-v"]).await;
    assert!(code == 0 && seen.contains("hop="), "log lines: {seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_on_a_screen_comes_with_a_warning() {
    let stage = Stage::new().await;
    let (code, seen) = on_a_terminal(&stage.env(), &["token", "--show-token"]).await;
    assert!(code == 0 && seen.contains("warning: this token is a secret") && seen.contains("eyJ"), "{seen}");
    let by_role = changed(&stage, &[("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "aws4_request")]);
    let (code, seen) = on_a_terminal(&by_role, &["token", "--cloud", "google", "--show-token"]).await;
    assert!(code == 0 && seen.contains("warning: this token is a secret") && seen.contains("AWS4"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bar_shows_how_far_a_file_is() {
    let stage = Stage::new().await;
    stage.put("big.bin", vec![5u8; 64 << 20]);
    for (url, bytes) in [
        (format!("azure://{ACCOUNT}/{CONTAINER}/big.bin"), Hop::Blob),
        (format!("gs://{BUCKET}/big.bin"), Hop::GoogleMedia),
    ] {
        // Slow enough for the bar to be drawn at all.
        let cut = Rule::always(bytes, Fault::CutBody { after: 32 << 20 }).path("big.bin").times(1);
        stage.local.shared.faults.set(vec![cut]);
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("big.bin");
        let fetch = ["cat", url.as_str(), "-o", file.to_str().expect("a plain path")];
        let (code, seen) = on_a_terminal(&stage.env(), &fetch).await;
        assert!(code == 0 && seen.contains("of 64.00 MiB"), "{seen:?}");
        assert_eq!(std::fs::metadata(&file).expect("the file").len(), 64 << 20);
        let quiet = ["cat", url.as_str(), "-q", "-o", file.to_str().expect("a plain path")];
        assert_eq!(on_a_terminal(&stage.env(), &quiet).await, (0, String::new()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bar_shows_how_far_a_sync_is() {
    let stage = Stage::new().await;
    stage.put("big.bin", vec![5u8; 24 << 20]);
    let from = format!("gs://{BUCKET}");
    let to = format!("s3://{S3_BUCKET}/copies");
    // Slow enough for the bar to be drawn at all.
    let slow = Rule::always(Hop::S3, Fault::Delay { milliseconds: 500 }).path("copies/big.bin");
    stage.local.shared.faults.set(vec![slow]);
    let (code, seen) = on_a_terminal(&stage.env(), &["sync", &from, &to, "--verify"]).await;
    assert_eq!(code, 0, "{seen:?}");
    for part in ["of 24.00 MiB", "/s", "of 1 objects", "verif", "done:"] {
        assert!(seen.contains(part), "{part} in {seen:?}");
    }
    stage.put("small", "x");
    let (code, seen) = on_a_terminal(&stage.env(), &["sync", &from, &to, "--quiet"]).await;
    assert!(code == 0 && seen.contains("done:"), "{seen:?}");
    assert!(!seen.contains("MiB/s"), "no bar: {seen:?}");
}
