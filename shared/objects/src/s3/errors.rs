//! The SDK's errors as ours.
//!
//! Its `Display` says nothing and its `Debug` the whole answer, so neither is ever shown: status,
//! code and request id are taken out, the words are ours.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::{RequestId, RequestIdExt};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use carnet_federation::{Error, Hop, Kind, hints};
use std::error::Error as StdError;
use std::time::Duration;

/// What S3 answered, taken out of the SDK's error before it is judged.
pub(super) struct Answer {
    pub status: u16,
    pub code: Option<String>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    region: Option<String>,
}

/// The answer, or what went wrong before there was one.
pub(super) fn answer<E>(hop: Hop, target: &str, error: SdkError<E, HttpResponse>) -> Result<Answer, Error>
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let header = |raw: &HttpResponse, name: &str| raw.headers().get(name).map(str::to_owned);
    match &error {
        SdkError::ServiceError(refusal) => {
            let (err, raw) = (refusal.err(), refusal.raw());
            Ok(Answer {
                status: raw.status().as_u16(),
                code: err.code().map(str::to_owned).filter(|code| !code.is_empty()),
                request_id: request_id(err.meta()),
                retry_after: header(raw, "retry-after")
                    .and_then(|after| after.parse().ok())
                    .map(Duration::from_secs),
                region: header(raw, "x-amz-bucket-region"),
            })
        }
        SdkError::DispatchFailure(_) => Err(no_answer(hop, target, &error)),
        SdkError::ResponseError(broken) if !broken.raw().status().is_success() => Ok(Answer {
            status: broken.raw().status().as_u16(),
            code: None,
            request_id: header(broken.raw(), "x-amz-request-id"),
            retry_after: None,
            region: None,
        }),
        SdkError::ResponseError(_) => match cause::<Error>(&error) {
            Some(error) => Err(again(hop, target, error)),
            None => Err(Error::new(hop, Kind::Malformed, target, "the store's answer cannot be understood")),
        },
        SdkError::TimeoutError(_) => Err(unreachable(hop, target, "no answer in time")),
        _ => Err(Error::new(hop, Kind::Malformed, target, "the client could not make the call")),
    }
}

/// The error of a call whose answers are all alike.
pub(super) fn from_sdk<E>(hop: Hop, target: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match answer(hop, target, error) {
        Ok(answer) => answer.into_error(hop, target),
        Err(error) => error,
    }
}

/// Both of S3's ids, as its support asks for them.
pub(super) fn request_id<T: RequestId + RequestIdExt>(answer: &T) -> Option<String> {
    match (answer.request_id(), answer.extended_request_id()) {
        (Some(id), Some(extended)) => Some(format!("{id} {extended}")),
        (id, extended) => id.or(extended).map(str::to_owned),
    }
}

impl Answer {
    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    pub(super) fn into_error(self, hop: Hop, target: &str) -> Error {
        let (kind, message) = self.meaning(hop);
        self.into_error_of(hop, target, kind, message)
    }

    pub(super) fn into_error_of(self, hop: Hop, target: &str, kind: Kind, message: &str) -> Error {
        let mut error = Error::new(hop, kind, target, message)
            .with_status(self.status)
            .with_request_id(self.request_id)
            .with_retry_after(self.retry_after);
        if let (301 | 307 | 400, Some(region)) = (self.status, self.region) {
            error = error.with_presented(format!("the bucket is in {region}"));
        }
        let code = self.code.as_deref();
        // The rows of STS's codes are about STS, but for the credentials themselves.
        let hint = match kind {
            Kind::Unauthenticated => code.and_then(hints::aws),
            _ => hints::s3(code, self.status),
        };
        let error = match self.code {
            Some(code) => error.with_code(code),
            None => error,
        };
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    /// "Error responses" of the Amazon S3 API reference says which code comes with which status.
    fn meaning(&self, hop: Hop) -> (Kind, &'static str) {
        match (self.status, self.code.as_deref()) {
            (
                _,
                Some(
                    "ExpiredToken"
                    | "InvalidToken"
                    | "InvalidAccessKeyId"
                    | "SignatureDoesNotMatch"
                    | "RequestTimeTooSkewed"
                    | "TokenRefreshRequired",
                ),
            )
            | (401, _) => (Kind::Unauthenticated, "the store does not accept the credentials"),
            (_, Some("BadDigest" | "XAmzContentSHA256Mismatch" | "InvalidDigest")) => {
                (Kind::Unavailable, "the bytes did not arrive as they were sent")
            }
            (_, Some("IncompleteBody" | "RequestTimeout")) => {
                (Kind::Unavailable, "the store did not get the whole body")
            }
            (_, Some("SlowDown" | "Throttling" | "ThrottlingException" | "RequestLimitExceeded"))
            | (429, _) => (Kind::Throttled, "the store asks to slow down"),
            (_, Some("NoSuchBucket")) => (Kind::NotFound, "no such bucket"),
            (_, Some("NoSuchUpload")) => {
                (Kind::NotFound, "no such upload: it was completed, aborted or swept")
            }
            (_, Some("AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect"))
            | (301 | 307, _) => {
                (Kind::NotConfigured, "the bucket is in another region than the one that was asked")
            }
            (_, Some("InternalError" | "ServiceUnavailable")) => (Kind::Unavailable, "the store failed"),
            (200..=299, None) => (Kind::Malformed, "the store's answer cannot be understood"),
            (304, _) => (Kind::NotModified, "the object is the version at hand"),
            (403, _) => (Kind::Forbidden, "the role's policy, or the bucket's, does not allow this"),
            (404, _) if hop == Hop::List => (Kind::NotFound, "no such bucket"),
            (404, _) => (Kind::NotFound, "no such object"),
            (408, _) => (Kind::Unavailable, "the store gave up waiting"),
            (409, Some("OperationAborted")) => (Kind::Unavailable, "another operation on this was under way"),
            (409, _) => (Kind::Forbidden, "the present state does not allow this"),
            (412, _) => (Kind::Changed, "the object is not in the version asked for"),
            (416, _) => (Kind::OutOfRange, "the object has no such bytes"),
            (500.., _) => (Kind::Unavailable, "the store failed"),
            _ => (Kind::Malformed, "the store does not take the request"),
        }
    }
}

fn no_answer(hop: Hop, target: &str, error: &(dyn StdError + 'static)) -> Error {
    if let Some(error) = cause::<Error>(error) {
        return again(hop, target, error);
    }
    match cause::<CredentialsError>(error) {
        Some(_) => Error::new(hop, Kind::NotConfigured, target, "no AWS credentials were found")
            .with_hint(&hints::NO_CREDENTIALS),
        None => unreachable(hop, target, "no connection"),
    }
}

/// The first error of one type in a chain of causes, e.g. one of our own, from the transport.
fn cause<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    error.downcast_ref().or_else(|| cause(error.source()?))
}

/// The transport does not know which call it carries.
fn again(hop: Hop, target: &str, error: &Error) -> Error {
    if error.hop() != Hop::Write {
        return error.clone();
    }
    let named = Error::new(hop, error.kind(), target, error.message());
    match error.hint() {
        Some(hint) => named.with_hint(hint),
        None => named,
    }
}

fn unreachable(hop: Hop, target: &str, message: &str) -> Error {
    Error::new(hop, Kind::Unavailable, target, message).with_hint(&hints::UNREACHABLE)
}
