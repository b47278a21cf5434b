//! What can go wrong between this process and AWS STS, in our words and with our hints.

use crate::deadline;
use crate::error::{Error, Hop, Kind, cause};
use crate::hints::{self, Hint};
use crate::http::Http;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::RequestId;

/// One region's STS, as errors name it.
pub(crate) struct Sts {
    http: Http,
    target: String,
    hop: Hop,
    /// The row of a code and its message.
    hint: fn(&str, &str) -> Option<&'static Hint>,
}

impl Sts {
    /// Where proofs are made.
    pub(super) fn new(http: Http, region: impl std::fmt::Display) -> Self {
        let hint = |code: &str, _: &str| hints::aws(code);
        Self { http, target: format!("AWS STS in {region}"), hop: Hop::Mint, hint }
    }

    /// Where proofs are traded for a role.
    pub(crate) fn of_roles(http: Http, region: &str, role_arn: &str) -> Self {
        let target = format!("AWS STS in {region}, role {role_arn}");
        Self { http, target, hop: Hop::Exchange, hint: hints::aws_role }
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) fn error(&self, kind: Kind, message: impl Into<String>) -> Error {
        Error::new(self.hop, kind, &self.target, message)
    }

    /// An error of the SDK's as one of ours. `asked` is what the call asked for.
    pub(crate) fn explain<E>(&self, error: SdkError<E>, asked: &str) -> Error
    where
        E: ProvideErrorMetadata + RequestId + std::error::Error + Send + Sync + 'static,
    {
        let built = match &error {
            SdkError::ServiceError(refusal) => {
                self.refusal(refusal.err(), refusal.raw().status().as_u16(), asked)
            }
            SdkError::TimeoutError(_) => deadline::exceeded(self.hop, &self.target),
            SdkError::DispatchFailure(_) if let Some(ours) = cause::<Error>(&error) => {
                let ours = ours.clone();
                if ours.hop() == Hop::Mint { ours.at(self.hop) } else { ours }
            }
            SdkError::DispatchFailure(_) if cause::<CredentialsError>(&error).is_some() => self
                .error(Kind::NotConfigured, "no AWS credentials were found")
                .with_hint(&hints::NO_CREDENTIALS),
            SdkError::DispatchFailure(_) => {
                self.error(Kind::Unavailable, "STS cannot be reached").with_hint(&hints::UNREACHABLE)
            }
            SdkError::ResponseError(response) if response.raw().status().is_server_error() => self
                .error(Kind::Unavailable, "STS failed")
                .with_status(response.raw().status().as_u16())
                .with_hint(&hints::UNREACHABLE),
            SdkError::ResponseError(_) => self
                .error(Kind::Malformed, "the answer is none of STS's")
                .with_hint(&hints::NOT_A_TOKEN_SERVICE),
            _ => self
                .error(Kind::NotConfigured, "the request cannot be built")
                .with_hint(&hints::CONFIGURATION),
        };
        built.caused_by(Chain::of(&error))
    }

    fn refusal<E: ProvideErrorMetadata + RequestId>(&self, refusal: &E, status: u16, asked: &str) -> Error {
        let code = refusal.code();
        let kind = match (code, status) {
            (_, 500..) | (Some("IDPCommunicationError"), _) => Kind::Unavailable,
            (_, 429) | (Some("Throttling" | "ThrottlingException"), _) => Kind::Throttled,
            // Of a role's trust, which is what the proof was refused by.
            (Some("AccessDenied"), _) if self.hop == Hop::Exchange => Kind::Refused,
            (Some("AccessDenied"), _) => Kind::Forbidden,
            (None, 200..300) => Kind::Malformed,
            _ => Kind::Refused,
        };
        let unsaid = match kind {
            Kind::Unavailable => "STS failed",
            Kind::Malformed => "the answer is none of STS's",
            _ => "STS refused",
        };
        let mut message = refusal.message().unwrap_or(unsaid).to_owned();
        let clock = is_clock_code(code).then(|| self.http.skew().complaint()).flatten();
        if let Some(complaint) = &clock {
            message = format!("{message} ({complaint})");
        }
        let error = self
            .error(kind, message)
            .with_status(status)
            .with_request_id(refusal.request_id().map(str::to_owned));
        let error = match code {
            Some(code) => error.with_code(code),
            None => error,
        };
        let error = match (kind, &clock) {
            (_, Some(complaint)) => error.with_presented(complaint),
            (Kind::Refused | Kind::Forbidden, None) => error.with_presented(asked),
            _ => error,
        };
        let known = code.and_then(|code| (self.hint)(code, refusal.message().unwrap_or_default()));
        let hint = if clock.is_some() { Some(&hints::CLOCK) } else { known };
        match hint {
            Some(hint) => error.with_hint(hint),
            None if kind == Kind::Unavailable => error.with_hint(&hints::UNREACHABLE),
            None if kind == Kind::Malformed => error.with_hint(&hints::NOT_A_TOKEN_SERVICE),
            None => error,
        }
    }
}

fn is_clock_code(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "SignatureDoesNotMatch"
                | "RequestTimeTooSkewed"
                | "RequestExpired"
                | "InvalidSignatureException"
                | "AuthFailure"
        )
    )
}

/// The messages of an error and its causes. The SDK's error itself holds the whole response, and
/// the response may hold a token.
#[derive(Debug)]
struct Chain(String);

impl Chain {
    fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        Self(text)
    }
}

impl std::fmt::Display for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Chain {}
