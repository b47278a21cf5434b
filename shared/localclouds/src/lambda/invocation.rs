//! An invocation, its reply, their limits. Words and numbers are those that Lambda's documents and
//! its runtime interface emulator use.

use bytes::Bytes;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

/// Bytes of a request, and of a reply that is not streamed.
pub const MAX_PAYLOAD: usize = 6 << 20;

/// A reply may be a little longer for what wraps it.
pub(crate) const MAX_REPLY: usize = MAX_PAYLOAD + 100;

/// Bytes of a streamed reply.
pub const MAX_STREAM: u64 = 200 << 20;

/// What one environment is asked.
#[derive(Clone)]
pub(crate) struct Invocation {
    pub request_id: String,
    pub payload: Bytes,
    pub trace_id: String,
    pub deadline: SystemTime,
}

impl Invocation {
    pub(crate) fn new(payload: Bytes, timeout: Duration) -> Self {
        Self {
            request_id: uuid::Uuid::new_v4().to_string(),
            payload,
            trace_id: trace_id(),
            deadline: SystemTime::now() + timeout,
        }
    }
}

/// In X-Ray's form: the time in eight hexadecimal digits, then 96 random bits.
pub(crate) fn trace_id() -> String {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("Root=1-{seconds:08x}-{}", &random[..24])
}

pub(crate) enum Reply {
    Buffered(Bytes),
    Stream(mpsc::Receiver<Chunk>),
    Failed(FunctionError),
}

/// A piece of a streamed reply. One that ends without [`Chunk::End`] is broken.
pub(crate) enum Chunk {
    Data(Bytes),
    End,
    Broken,
}

/// What a direct invocation gives.
#[derive(Clone, Debug)]
pub struct InvokeOutput {
    /// `Unhandled` if the payload is an error document.
    pub function_error: Option<&'static str>,
    pub payload: Bytes,
}

/// `errorType` and `errorMessage`, as the caller sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError(Value);

impl FunctionError {
    fn new(error_type: &str, message: String) -> Self {
        Self(json!({ "errorType": error_type, "errorMessage": message }))
    }

    /// The document the runtime posted.
    pub(crate) fn reported(body: &[u8], error_type: Option<&str>) -> Self {
        match serde_json::from_slice(body) {
            Ok(document @ Value::Object(_)) => Self(document),
            _ => {
                Self::new(error_type.unwrap_or("Runtime.Unknown"), String::from_utf8_lossy(body).into_owned())
            }
        }
    }

    pub(crate) fn timed_out(request_id: &str, timeout: Duration) -> Self {
        let seconds = timeout.as_secs_f64();
        let text = format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds");
        Self::new("Sandbox.Timedout", text)
    }

    pub(crate) fn exited(request_id: &str, reason: &str) -> Self {
        Self::new("Runtime.ExitError", format!("RequestId: {request_id} Error: {reason}"))
    }

    pub(crate) fn did_not_start(request_id: &str, reason: &str) -> Self {
        Self::new("Runtime.InvalidEntrypoint", format!("RequestId: {request_id} Error: {reason}"))
    }

    pub(crate) fn reply_too_large() -> Self {
        Self::new(
            "Function.ResponseSizeTooLarge",
            format!("Response payload size exceeded maximum allowed payload size ({MAX_REPLY} bytes)."),
        )
    }

    /// A streamed reply that broke off.
    pub(crate) fn stream_broken() -> Self {
        Self::new("Runtime.StreamError", "The response stream ended before it was complete.".to_owned())
    }

    pub fn error_type(&self) -> &str {
        self.0["errorType"].as_str().unwrap_or_default()
    }

    pub fn message(&self) -> &str {
        self.0["errorMessage"].as_str().unwrap_or_default()
    }

    pub(crate) fn document(&self) -> Bytes {
        Bytes::from(self.0.to_string())
    }
}
