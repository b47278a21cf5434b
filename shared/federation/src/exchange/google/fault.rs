//! Google's two forms of a refusal: OAuth's at the token service, its APIs' own elsewhere. Either may
//! come from either, e.g. when an API is switched off.

use serde::Deserialize;
use serde_json::Value;

/// What was said, in the vendor's words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// `invalid_grant`, `PERMISSION_DENIED`.
    pub code: String,
    pub message: String,
    /// Of `google.rpc.ErrorInfo`, e.g. `SERVICE_DISABLED`.
    pub reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    OAuth {
        error: String,
        #[serde(default)]
        error_description: String,
    },
    Api {
        error: ApiError,
    },
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    details: Vec<Value>,
}

impl Fault {
    /// `None` if it is no refusal of Google's.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let fault = match serde_json::from_slice(body).ok()? {
            Document::OAuth { error, error_description } => {
                Self { message: error_description, code: error, reason: None }
            }
            Document::Api { error } => {
                let reason = error.details.iter().find_map(|detail| detail.get("reason")?.as_str());
                Self { reason: reason.map(str::to_owned), message: error.message, code: error.status }
            }
        };
        Some(fault)
    }

    /// The first line of it; the code where nothing was said.
    pub(super) fn summary(&self) -> &str {
        let line = self.message.lines().next().unwrap_or_default().trim();
        if line.is_empty() { &self.code } else { line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let oauth = br#"{"error":"invalid_target","error_description":"The target service is invalid."}"#;
        let fault = Fault::read(oauth).unwrap();
        assert_eq!(
            (fault.code.as_str(), fault.summary()),
            ("invalid_target", "The target service is invalid.")
        );

        let api = br#"{"error":{"code":403,"message":"Denied.","status":"PERMISSION_DENIED","details":[
            {"@type":"type.googleapis.com/google.rpc.Help"},
            {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"IAM_PERMISSION_DENIED"}]}}"#;
        let fault = Fault::read(api).unwrap();
        assert_eq!(
            (fault.code.as_str(), fault.reason.as_deref()),
            ("PERMISSION_DENIED", Some("IAM_PERMISSION_DENIED"))
        );
    }

    #[test]
    fn anything_else_is_no_refusal_of_googles() {
        for text in ["", "<html>", "{}", "[]", r#"{"error":7}"#] {
            assert_eq!(Fault::read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Fault::read(br#"{"error":"invalid_grant"}"#).unwrap().summary(), "invalid_grant");
    }
}
