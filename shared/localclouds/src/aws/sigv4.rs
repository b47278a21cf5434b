//! Checks of Signature Version 4.

use crate::local::Handle;
use http::StatusCode;
use http::request::Parts;

/// Who signed a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub access_key_id: String,
    /// The role's name.
    pub role: String,
    pub role_arn: String,
    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`
    pub session_arn: String,
    /// `AROA...:SESSION`
    pub user_id: String,
}

/// A refusal with AWS's own code and words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigV4Fault {
    pub code: &'static str,
    pub status: StatusCode,
    pub message: String,
}

pub fn verify(
    _handle: &Handle,
    _parts: &Parts,
    _body: &[u8],
    _service: &str,
    _region: &str,
) -> Result<Principal, SigV4Fault> {
    Err(SigV4Fault {
        code: "MissingAuthenticationToken",
        status: StatusCode::FORBIDDEN,
        message: "Request is missing Authentication Token".to_owned(),
    })
}
