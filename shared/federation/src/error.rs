//! One error type for every hop.
//!
//! `kind` decides what a program does (retry, give up, answer 404); `code`, `field`, `presented`
//! and the hint are for the person who has to change something.

use crate::hints::Hint;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub type Result<T, E = Error> = std::result::Result<T, E>;
type Source = Arc<dyn std::error::Error + Send + Sync>;

/// Where on the way it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Hop {
    Config,
    Mint,
    Exchange,
    Impersonate,
    List,
    Read,
    Write,
    /// An event that came in, and the token it came with.
    Receive,
    /// A message that goes to a queue.
    Queue,
}

impl Hop {
    pub fn as_str(self) -> &'static str {
        match self {
            Hop::Config => "config",
            Hop::Mint => "mint",
            Hop::Exchange => "exchange",
            Hop::Impersonate => "impersonate",
            Hop::List => "list",
            Hop::Read => "read",
            Hop::Write => "write",
            Hop::Receive => "receive",
            Hop::Queue => "queue",
        }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What kind of failure it is; retries follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// A setting is missing or malformed: nothing was sent.
    NotConfigured,
    /// A token service does not accept the proof: trust is wrong.
    Refused,
    /// The identity is known but may not do this.
    Forbidden,
    /// The credential was not accepted by the store (HTTP 401): refresh once.
    Unauthenticated,
    NotFound,
    /// The object is no longer the version that was asked for (HTTP 412).
    Changed,
    /// If-None-Match held: the caller already has this version (HTTP 304).
    NotModified,
    /// The range asked for does not exist in the object (HTTP 416).
    OutOfRange,
    Throttled,
    /// The service or the way to it failed; the same request may succeed later.
    Unavailable,
    /// An answer, or the bytes of an object, that cannot be right.
    Malformed,
    Deadline,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::NotConfigured => "not_configured",
            Kind::Refused => "refused",
            Kind::Forbidden => "forbidden",
            Kind::Unauthenticated => "unauthenticated",
            Kind::NotFound => "not_found",
            Kind::Changed => "changed",
            Kind::NotModified => "not_modified",
            Kind::OutOfRange => "out_of_range",
            Kind::Throttled => "throttled",
            Kind::Unavailable => "unavailable",
            Kind::Malformed => "malformed",
            Kind::Deadline => "deadline",
        }
    }

    /// Whether it is the store's plain answer to what was asked, rather than a failure of the way.
    pub fn is_answer(self) -> bool {
        matches!(self, Kind::NotFound | Kind::Changed | Kind::NotModified | Kind::OutOfRange)
    }

    /// Whether the same request may be sent again.
    pub fn is_transient(self) -> bool {
        matches!(self, Kind::Throttled | Kind::Unavailable)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The first error of one type in a chain of causes, itself included.
pub(crate) fn cause<'e, T: std::error::Error + 'static>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e T> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}

/// A failure, cheap to clone: everyone who waited for the same flight gets the same one.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    hop: Hop,
    kind: Kind,
    /// The host, account, role or variable it is about.
    target: String,
    message: String,
    code: Option<String>,
    status: Option<u16>,
    request_id: Option<String>,
    field: Option<&'static str>,
    presented: Option<String>,
    hint: Option<&'static Hint>,
    retry_after: Option<Duration>,
    source: Option<Source>,
}

impl Error {
    pub fn new(hop: Hop, kind: Kind, target: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            hop,
            kind,
            target: target.into(),
            message: message.into(),
            code: None,
            status: None,
            request_id: None,
            field: None,
            presented: None,
            hint: None,
            retry_after: None,
            source: None,
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// The same failure, of another hop: what the shared client noticed for whoever called it.
    pub(crate) fn at(self, hop: Hop) -> Self {
        self.with(|inner| inner.hop = hop)
    }

    /// The cloud's own code, e.g. `AADSTS700213`.
    pub fn with_code(self, code: impl Into<String>) -> Self {
        let code = code.into();
        self.with(|inner| inner.code = Some(code))
    }

    pub fn with_status(self, status: u16) -> Self {
        self.with(|inner| inner.status = Some(status))
    }

    pub fn with_request_id(self, id: Option<String>) -> Self {
        self.with(|inner| inner.request_id = id)
    }

    /// The trust field or setting at fault, e.g. `subject`.
    pub fn with_field(self, field: &'static str) -> Self {
        self.with(|inner| inner.field = Some(field))
    }

    /// What we presented for that field. Identifiers only, never a token.
    pub fn with_presented(self, presented: impl Into<String>) -> Self {
        let presented = presented.into();
        self.with(|inner| inner.presented = Some(presented))
    }

    /// The row of the troubleshooting page. Its field is taken over unless one is set already.
    pub fn with_hint(self, hint: &'static Hint) -> Self {
        self.with(|inner| {
            inner.hint = Some(hint);
            if inner.field.is_none() {
                inner.field = hint.field;
            }
        })
    }

    pub fn with_retry_after(self, after: Option<Duration>) -> Self {
        self.with(|inner| inner.retry_after = after)
    }

    pub fn caused_by(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let source: Source = Arc::from(source.into());
        self.with(|inner| inner.source = Some(source))
    }

    pub fn hop(&self) -> Hop {
        self.0.hop
    }
    pub fn kind(&self) -> Kind {
        self.0.kind
    }
    pub fn target(&self) -> &str {
        &self.0.target
    }
    pub fn message(&self) -> &str {
        &self.0.message
    }
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }
    pub fn field(&self) -> Option<&'static str> {
        self.0.field
    }
    pub fn presented(&self) -> Option<&str> {
        self.0.presented.as_deref()
    }
    pub fn hint(&self) -> Option<&'static Hint> {
        self.0.hint
    }
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl fmt::Display for Error {
    /// One line: hop, kind, target and message, then code, field, what was presented, the advice
    /// and the request id. The source is not repeated: walk [`std::error::Error::source`] for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        write!(f, "{} {} at {}: {}", inner.hop, inner.kind, inner.target, inner.message)?;
        if let Some(code) = &inner.code {
            write!(f, " [{code}]")?;
        }
        if let Some(field) = inner.field {
            write!(f, "; field at fault: {field}")?;
        }
        if let Some(presented) = &inner.presented {
            write!(f, "; presented: {presented}")?;
        }
        if let Some(hint) = inner.hint {
            write!(f, "; {} ({})", hint.advice, hint.link())?;
        }
        if let Some(id) = &inner.request_id {
            write!(f, "; request id {id}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, "; caused by: {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl serde::Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let inner = &*self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("hop", inner.hop.as_str())?;
        map.serialize_entry("kind", inner.kind.as_str())?;
        map.serialize_entry("target", &inner.target)?;
        map.serialize_entry("message", &inner.message)?;
        let optional = [
            ("code", inner.code.as_deref()),
            ("field", inner.field),
            ("presented", inner.presented.as_deref()),
            ("change", inner.hint.map(|hint| hint.advice)),
            ("request_id", inner.request_id.as_deref()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        if let Some(hint) = inner.hint {
            map.serialize_entry("help", &hint.link())?;
        }
        map.end()
    }
}
