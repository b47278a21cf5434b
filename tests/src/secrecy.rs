//! No token, assertion or signature in any error or log line.

use carnet_federation::Error;
use carnet_federation::config::Env;
use carnet_federation::telemetry;
use std::io;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// How a JWT, one of Google's tokens and a signature of AWS's begin, and what stands before the
/// secrets of a request.
pub const SECRETS: [&str; 9] = [
    "eyJ",
    "ya29.",
    "AWS4-HMAC",
    "client_assertion=",
    "subject_token=",
    "Signature=",
    // As they are written in a signed request that is a proof.
    "AWS4%2DHMAC",
    "Signature%3D",
    "Bearer ",
];

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// From now on this process keeps its log lines, chosen as a command with `RUST_LOG=debug` chooses.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let env: Env = [("RUST_LOG", "debug")].into_iter().collect();
        telemetry::init_command(&env, false, || Kept).expect("nothing sensitive is switched on");
    });
}

/// Every form in which an error is shown, and all that was logged so far.
pub fn assert_kept(error: &Error) {
    let json = serde_json::to_string(error).expect("an error as JSON");
    let log = log();
    for shown in [&error.to_string(), &format!("{error:?} {error:#?}"), &json, log.as_str()] {
        for secret in SECRETS {
            assert!(!shown.contains(secret), "{secret} is shown in: {shown}");
        }
    }
}

/// What was logged since [`watch`], by every test of the process.
pub fn log() -> String {
    String::from_utf8_lossy(&lock()).into_owned()
}

struct Kept;

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock() -> MutexGuard<'static, Vec<u8>> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}
