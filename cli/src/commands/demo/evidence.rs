//! What the function's own log says. The demo tells nothing that is not written there.

use serde::{Deserialize, Serialize};

/// A hop that was done, from the line at its end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    pub hop: String,
    pub target: String,
    #[serde(default)]
    pub duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
}

/// The line of a request that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub error: String,
    pub kind: String,
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub field: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    message: String,
    #[serde(default)]
    duration_ms: f64,
    span: Option<Hop>,
}

/// The hop that this line ends, if it does and the hop succeeded.
pub fn hop(line: &str) -> Option<Hop> {
    let line: Line = serde_json::from_str(line).ok()?;
    let hop = line.span.filter(|_| line.message == "done")?;
    Some(Hop { duration_ms: line.duration_ms, ..hop })
}

/// The failed request that this line reports, if it does.
pub fn failure(line: &str) -> Option<Failure> {
    #[derive(Deserialize)]
    struct Report {
        message: String,
        #[serde(flatten)]
        failure: Failure,
    }
    let report: Report = serde_json::from_str(line).ok()?;
    (report.message == "request failed").then_some(report.failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_hops_and_failures_are_told_from_the_rest() {
        let done = r#"{"level":"INFO","message":"done","duration_ms":1.5,"target":"t",
            "span":{"hop":"mint","target":"AWS STS","jti":"j","subject":"arn","name":"hop"}}"#;
        let hop = hop(done).unwrap();
        assert_eq!((hop.hop.as_str(), hop.duration_ms, hop.subject.as_deref()), ("mint", 1.5, Some("arn")));
        let failed = r#"{"level":"ERROR","message":"request failed","error":"exchange refused",
            "kind":"refused","code":"AADSTS700213","field":"subject","problem":"upstream-refused"}"#;
        assert_eq!(failure(failed).unwrap().field.as_deref(), Some("subject"));
        for other in ["", "START RequestId: x", "{}", r#"{"message":"done"}"#] {
            assert!(super::hop(other).is_none() && failure(other).is_none(), "{other}");
        }
    }
}
