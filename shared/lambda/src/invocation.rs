//! What every invocation has, whatever its event.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::{Duration, SystemTime};

/// A direct invocation is a few words; the events of services are longer than this.
const LONGEST_COMMAND: usize = 256;

#[derive(Deserialize)]
struct Command {
    carnet: String,
}

/// Whether it is `{"carnet":"doctor"}`. Another `carnet` is for the function itself to know: the name is
/// given, to say so.
pub fn asks_for_doctor(event: &RawValue) -> Result<bool, String> {
    let text = event.get();
    if text.len() > LONGEST_COMMAND {
        return Ok(false);
    }
    match serde_json::from_str::<Command>(text) {
        Ok(command) if command.carnet == "doctor" => Ok(true),
        Ok(command) => Err(command.carnet),
        Err(_) => Ok(false),
    }
}

/// Until `deadline`, in milliseconds since the epoch.
pub fn time_left(deadline: u64) -> Duration {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(deadline);
    at.duration_since(SystemTime::now()).unwrap_or_default()
}
