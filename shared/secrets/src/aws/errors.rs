//! The SDK's errors as ours: code and request id are taken out. The service's own words are kept where
//! they are about the call, since they name what the role's policy lacks; none of them has a value in it.

use super::{SecretsManager, deleted, missing};
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::RequestId as _;
use carnet_federation::{Error, Hop, Kind, hints};

pub(super) fn explain<E>(hop: Hop, name: &str, error: SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let request_id = error.request_id().map(str::to_owned);
    let target = SecretsManager::target(name);
    let failed = |kind, message: &str| Error::new(hop, kind, &target, message);
    match &error {
        SdkError::ServiceError(refusal) => {
            let status = refusal.raw().status().as_u16();
            let code = refusal.err().code().unwrap_or_default();
            let said = refusal.err().message().unwrap_or("Secrets Manager refused");
            refused(hop, name, status, code, said).with_status(status).with_request_id(request_id)
        }
        SdkError::TimeoutError(_) => {
            failed(Kind::Unavailable, "no answer in time").with_hint(&hints::UNREACHABLE)
        }
        SdkError::DispatchFailure(_) => {
            // Credentials are found by the SDK, and ours travel inside its error.
            let source = std::error::Error::source(&error);
            match source.and_then(ours) {
                Some(ours) => ours,
                None => failed(Kind::Unavailable, "Secrets Manager cannot be reached")
                    .with_hint(&hints::UNREACHABLE),
            }
        }
        SdkError::ResponseError(_) => failed(Kind::Unavailable, "the answer is none of Secrets Manager's"),
        _ => failed(Kind::NotConfigured, "the request cannot be built"),
    }
}

fn ours(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
    std::iter::successors(Some(error), |error| error.source())
        .find_map(|error| error.downcast_ref::<Error>())
        .cloned()
}

fn refused(hop: Hop, name: &str, status: u16, code: &str, said: &str) -> Error {
    let target = SecretsManager::target(name);
    let built = |kind, hint| Error::new(hop, kind, &target, said).with_code(code).with_hint(hint);
    match (code, status) {
        ("ResourceNotFoundException", _) => missing(hop, name).with_code(code),
        // "... because it was marked for deletion." (PutSecretValue, InvalidRequestException)
        ("InvalidRequestException", _) if said.contains("deletion") => deleted(hop, name).with_code(code),
        ("AccessDeniedException" | "AccessDenied" | "EncryptionFailure" | "DecryptionFailure", _)
        | (_, 403) => built(Kind::Forbidden, &hints::SECRETS_MANAGER_DENIED),
        ("ThrottlingException" | "Throttling", _) | (_, 429) => {
            built(Kind::Throttled, &hints::SECRETS_THROTTLED)
        }
        (_, 500..) => built(Kind::Unavailable, &hints::SECRETS_MANAGER_REFUSED),
        _ => built(Kind::Refused, &hints::SECRETS_MANAGER_REFUSED),
    }
}
