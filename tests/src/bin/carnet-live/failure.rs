//! What a check that failed says: the words and names of `carnet`'s own errors.

use carnet_federation::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What else an [`Error`] may say, in the order in which it is read.
const DETAILS: [&str; 7] = ["target", "code", "field", "presented", "change", "help", "request_id"];

/// An [`Error`] as it is written: by this process, by a function's doctor, by the `carnet` command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Failure {
    #[serde(skip_serializing_if = "String::is_empty")]
    hop: String,
    kind: String,
    message: String,
    #[serde(flatten)]
    details: BTreeMap<String, String>,
}

impl Failure {
    /// A failure that only this program sees.
    pub fn new(hop: &str, kind: &str, message: impl Into<String>) -> Self {
        Self { hop: hop.into(), kind: kind.into(), message: message.into(), ..Self::default() }
    }

    pub fn hop(self, hop: &str) -> Self {
        Self { hop: hop.to_owned(), ..self }
    }

    pub fn with(mut self, detail: &str, value: impl Into<Option<String>>) -> Self {
        if let Some(value) = value.into() {
            self.details.insert(detail.to_owned(), value);
        }
        self
    }

    pub fn at(self, target: impl Into<String>) -> Self {
        self.with("target", target.into())
    }

    pub fn field(self, field: &str, presented: impl Into<String>) -> Self {
        self.with("field", field.to_owned()).with("presented", presented.into())
    }

    pub fn change(self, change: impl Into<String>) -> Self {
        self.with("change", change.into())
    }

    pub fn help(self, anchor: &str) -> Self {
        self.with("help", format!("docs/troubleshooting.md#{anchor}"))
    }

    pub fn code(&self) -> Option<&str> {
        self.details.get("code").map(String::as_str)
    }

    /// Name and value of all it says.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = [("error", &self.message), ("hop", &self.hop), ("kind", &self.kind)];
        let details = DETAILS.iter().filter_map(|name| Some((*name, self.details.get(*name)?)));
        own.into_iter()
            .chain(details)
            .map(|(name, value)| (name, value.as_str()))
            .filter(|(_, value)| !value.is_empty())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let written = serde_json::to_value(&error).and_then(serde_json::from_value);
        written.unwrap_or_else(|_| Self::new(error.hop().as_str(), error.kind().as_str(), error.message()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnet_federation::{Hop, Kind, hints};

    #[test]
    fn an_error_keeps_all_it_says() {
        let error = Error::new(Hop::Mint, Kind::Forbidden, "AWS STS", "not allowed")
            .with_code("AccessDenied")
            .with_presented("audience a")
            .with_request_id(Some("id".to_owned()))
            .with_hint(&hints::CLOCK);
        let failure = Failure::from(error);
        let names: Vec<&str> = failure.fields().map(|(name, _)| name).collect();
        assert_eq!(names[..3], ["error", "hop", "kind"]);
        assert!(names.ends_with(&["change", "help", "request_id"]), "{names:?}");
        assert_eq!(failure.code(), Some("AccessDenied"));
    }
}
