//! What a check that failed says: the words and names of `carnet`'s own errors.

use carnet_federation::Error;
use serde::{Deserialize, Serialize};

/// An [`Error`] as it is written: by this process, by a function's doctor, by the `carnet` command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Failure {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hop: String,
    pub kind: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presented: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Failure {
    /// A failure that only this program sees.
    pub fn new(hop: &str, kind: &str, message: impl Into<String>) -> Self {
        Self { hop: hop.into(), kind: kind.into(), message: message.into(), ..Self::default() }
    }

    pub fn at(self, target: impl Into<String>) -> Self {
        Self { target: Some(target.into()), ..self }
    }

    pub fn field(self, field: &str, presented: impl Into<String>) -> Self {
        Self { field: Some(field.into()), presented: Some(presented.into()), ..self }
    }

    pub fn change(self, change: impl Into<String>) -> Self {
        Self { change: Some(change.into()), ..self }
    }

    pub fn help(self, anchor: &str) -> Self {
        Self { help: Some(format!("docs/troubleshooting.md#{anchor}")), ..self }
    }

    /// Name and value of what it knows besides its message.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fields = [
            ("hop", Some(self.hop.as_str()).filter(|hop| !hop.is_empty())),
            ("kind", Some(self.kind.as_str()).filter(|kind| !kind.is_empty())),
            ("target", self.target.as_deref()),
            ("code", self.code.as_deref()),
            ("field", self.field.as_deref()),
            ("presented", self.presented.as_deref()),
            ("change", self.change.as_deref()),
            ("help", self.help.as_deref()),
            ("request id", self.request_id.as_deref()),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let written = serde_json::to_value(&error).and_then(serde_json::from_value);
        written.unwrap_or_else(|_| Self::new(error.hop().as_str(), error.kind().as_str(), error.message()))
    }
}
