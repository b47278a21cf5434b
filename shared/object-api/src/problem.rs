//! What callers are told when it does not work: RFC 9457 problems with stable types.
//!
//! A problem never quotes an internal text: which cloud refused what stands in the log line of the
//! same request id. Each type has a row in `docs/troubleshooting.md`.

use carnet_federation::{Error, Hop, Kind};
use serde_json::{Value, json};

const PREFIX: &str = "urn:carnet:problem:";

/// A problem document, before it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: u16,
    slug: &'static str,
    title: &'static str,
    detail: Option<String>,
    /// Seconds, for `Retry-After`.
    retry_after: Option<u64>,
}

impl Problem {
    const fn new(status: u16, slug: &'static str, title: &'static str) -> Self {
        Self { status, slug, title, detail: None, retry_after: None }
    }

    fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub fn bad_key(why: &str) -> Self {
        Self::new(400, "bad-key", "The object's name is not acceptable").detail(why)
    }

    pub fn bad_request(parameter: &'static str, why: &str) -> Self {
        Self::new(400, "bad-request", "A parameter is not acceptable").detail(format!("{parameter} {why}"))
    }

    pub fn unknown_route() -> Self {
        Self::new(404, "unknown-route", "There is no such route")
    }

    pub fn unknown_place() -> Self {
        Self::new(404, "unknown-place", "There is no such place")
    }

    pub fn method_not_allowed() -> Self {
        Self::new(405, "method-not-allowed", "Only GET and HEAD are served")
    }

    /// Longer than a streamed answer may be.
    pub fn too_large(length: u64, limit: u64) -> Self {
        Self::new(413, "too-large", "The answer would be too long").detail(format!(
            "{length} bytes were asked for and {limit} is the most: ask for parts of it with Range"
        ))
    }

    pub fn range_not_satisfiable() -> Self {
        Self::new(416, "range-not-satisfiable", "The object has no such range")
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    pub fn slug(&self) -> &'static str {
        self.slug
    }

    pub fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// The document. `instance` is the request's id, which the log lines carry too.
    pub fn document(&self, request_id: &str) -> Value {
        let mut document = json!({
            "type": format!("{PREFIX}{}", self.slug),
            "title": self.title,
            "status": self.status,
            "instance": format!("urn:uuid:{request_id}"),
        });
        if let Some(detail) = &self.detail {
            document["detail"] = json!(detail);
        }
        document
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let at_store = matches!(error.hop(), Hop::List | Hop::Read);
        match error.kind() {
            Kind::NotFound if at_store => Self::new(404, "not-found", "There is no such object"),
            Kind::Changed => Self::new(412, "changed", "The object has another version"),
            Kind::OutOfRange => Self::range_not_satisfiable(),
            Kind::Refused | Kind::Unauthenticated => {
                Self::new(502, "upstream-refused", "The other cloud does not trust this function")
            }
            Kind::Forbidden => Self::new(502, "upstream-forbidden", "This function may not read there"),
            Kind::Throttled | Kind::Unavailable => {
                let wait = error.retry_after().map_or(1, |after| after.as_secs().max(1));
                let problem = Self::new(503, "upstream-unavailable", "The other cloud cannot answer now");
                Self { retry_after: Some(wait), ..problem }
            }
            Kind::Deadline => Self::new(504, "deadline", "It took too long"),
            Kind::Malformed => {
                Self::new(502, "upstream-malformed", "The other cloud's answer cannot be right")
            }
            _ => Self::new(500, "misconfigured", "This function is not set up rightly"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_internal_text_reaches_the_caller() {
        let error = Error::new(
            Hop::Exchange,
            Kind::Refused,
            "login.example tenant t",
            "AADSTS700213: subject arn:aws:iam::1:role/r",
        )
        .with_code("AADSTS700213")
        .with_presented("arn:aws:iam::1:role/r");
        let text = Problem::from(&error).document("id").to_string();
        for internal in ["AADSTS", "arn:", "login.example", "tenant"] {
            assert!(!text.contains(internal), "{text}");
        }
    }

    #[test]
    fn a_denial_is_never_a_404() {
        for kind in [Kind::Forbidden, Kind::Refused, Kind::Unauthenticated, Kind::Malformed, Kind::Deadline] {
            let problem = Problem::from(&Error::new(Hop::Read, kind, "t", "m"));
            assert!(problem.status() >= 500, "{kind}");
        }
        let tenant_not_found = Error::new(Hop::Exchange, Kind::NotFound, "t", "m");
        assert_eq!(Problem::from(&tenant_not_found).status(), 500);
    }
}
