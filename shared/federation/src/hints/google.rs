//! Google's refusals. Its token service names an OAuth error and says the rest in a sentence, so the
//! parts of the sentence that do not change choose the row. From "Troubleshoot Workload Identity
//! Federation" in Google's IAM documentation, and from what its users report.

use super::{Hint, Remedy, THROTTLED, hint, plain, spreading};

/// One row, and what chooses it.
struct Said {
    error: &'static str,
    /// A part of the description. Empty: any.
    part: &'static str,
    hint: Hint,
}

const fn said(error: &'static str, part: &'static str, hint: Hint) -> Said {
    Said { error, part, hint }
}

/// The security token service.
static STS: &[Said] = &[
    said(
        "invalid_request",
        "Invalid value for \"audience\"",
        hint(
            "google-audience-value",
            "CARNET_GOOGLE_AUDIENCE",
            "give the provider's full resource name, with the project's number: //iam.googleapis.com/projects/…",
        ),
    ),
    said(
        "invalid_target",
        "",
        spreading(
            "invalid_target",
            "pool or provider",
            "check project number, pool and provider, and that neither is disabled or deleted",
        ),
    ),
    said(
        "invalid_grant",
        "The audience in ID Token",
        spreading(
            "google-audience",
            "audience",
            "leave the provider's allowed audiences empty, or add the one presented",
        ),
    ),
    said(
        "invalid_grant",
        "Error connecting to the given credential's issuer",
        spreading(
            "google-issuer",
            "issuer",
            "set the provider's issuer to the one presented; its discovery document must be reachable",
        ),
    ),
    said("invalid_grant", "is stale to sign-in", STALE),
    said(
        "unauthorized_client",
        "rejected by the attribute condition",
        spreading(
            "google-attribute-condition",
            "attribute condition",
            "compare the provider's condition with what was presented",
        ),
    ),
    said(
        "unauthorized_client",
        "Could not obtain a value for google.subject",
        spreading(
            "google-subject-missing",
            "attribute mapping",
            "map google.subject to a claim that every token has",
        ),
    ),
    said(
        "invalid_request",
        "The size of mapped attribute",
        hint(
            "google-mapped-size",
            "attribute mapping",
            "map something shorter, such as the role's name instead of the session's ARN",
        ),
    ),
    said("quota_exceeded", "", super::THROTTLING),
];

const STALE: Hint = Hint {
    anchor: "google-stale-token",
    field: Some("clock"),
    advice: "the proof was used outside its time: check the clocks, and that no old proof is replayed",
    remedy: Remedy::MintAgain,
};
pub static STALE_PROOF: Hint = STALE;

const OTHER: Hint = plain(
    "other-google-refusals",
    "compare what was presented with the provider: issuer, audience, account, mapping and condition",
);
pub static OTHER_GOOGLE_REFUSALS: Hint = OTHER;
pub static GOOGLE_ALGORITHM: Hint = hint(
    "google-algorithm",
    "algorithm",
    "Google takes tokens signed with RS256 or ES256 only: take another mint",
);

static MAY_NOT_IMPERSONATE: Hint = spreading(
    "getaccesstoken-denied",
    "service account",
    "grant roles/iam.workloadIdentityUser on the service account to this principal, and check its e-mail",
);
static NO_SERVICE_ACCOUNT: Hint =
    hint("service-account-not-found", "service account", "check the service account's e-mail");
static IMPERSONATION_ARGUMENTS: Hint = hint(
    "google-impersonation-arguments",
    "token lifetime, delegates or scope",
    "a token lives an hour at most unless an organization policy extends it",
);
static API_DISABLED: Hint = spreading(
    "google-api-disabled",
    "API",
    "enable it in the project of the pool: gcloud services enable iamcredentials.googleapis.com",
);
static NOT_AUTHENTICATED: Hint = hint(
    "google-unauthenticated",
    "access token",
    "the token was not accepted: expired, or this API takes no federated tokens (name a service account)",
);

static STORAGE_FORBIDDEN: Hint = hint(
    "cloud-storage-forbidden",
    "bucket grant",
    "grant roles/storage.objectViewer on the bucket to this principal, then wait some minutes",
);
static STORAGE_NOT_FOUND: Hint = hint(
    "cloud-storage-not-found",
    "bucket or key",
    "check bucket and object, letter case included, and the place's prefix",
);
static STORAGE_CHANGED: Hint =
    hint("cloud-storage-conditionnotmet", "generation", "the object has another version now: read it again");
static STORAGE_RANGE: Hint = hint("cloud-storage-range", "range", "ask for a range inside the object's size");
static STORAGE_THROTTLED: Hint =
    plain("cloud-storage-ratelimitexceeded", "the store is throttling: try again later, or slow down");

/// The row of a refusal of Google's token service.
pub fn google_sts(error: &str, description: &str) -> Option<&'static Hint> {
    STS.iter().find(|said| said.error == error && description.contains(said.part)).map(|said| &said.hint)
}

/// The row of a refusal of IAM credentials. `reason` is that of its `google.rpc.ErrorInfo`.
pub fn google_iam(status: u16, reason: Option<&str>, message: &str) -> Option<&'static Hint> {
    match status {
        400 => Some(&IMPERSONATION_ARGUMENTS),
        401 => Some(&NOT_AUTHENTICATED),
        403 if reason == Some("SERVICE_DISABLED") => Some(&API_DISABLED),
        403 if message.contains("iam.serviceAccounts.getAccessToken") => Some(&MAY_NOT_IMPERSONATE),
        404 => Some(&NO_SERVICE_ACCOUNT),
        429 => Some(&THROTTLED),
        _ => None,
    }
}

/// The row of a refusal of Cloud Storage's JSON API. `reason` is that of its first error.
pub fn google_storage(status: u16, reason: Option<&str>) -> Option<&'static Hint> {
    match (status, reason) {
        (429, _) | (403, Some("rateLimitExceeded" | "userRateLimitExceeded")) => Some(&STORAGE_THROTTLED),
        (401, _) => Some(&NOT_AUTHENTICATED),
        (403, _) => Some(&STORAGE_FORBIDDEN),
        (404, _) => Some(&STORAGE_NOT_FOUND),
        (412, _) => Some(&STORAGE_CHANGED),
        (416, _) => Some(&STORAGE_RANGE),
        _ => None,
    }
}

pub(super) fn all() -> impl Iterator<Item = &'static Hint> {
    let alone = [
        &OTHER_GOOGLE_REFUSALS,
        &GOOGLE_ALGORITHM,
        &MAY_NOT_IMPERSONATE,
        &NO_SERVICE_ACCOUNT,
        &IMPERSONATION_ARGUMENTS,
        &API_DISABLED,
        &NOT_AUTHENTICATED,
        &STORAGE_FORBIDDEN,
        &STORAGE_NOT_FOUND,
        &STORAGE_CHANGED,
        &STORAGE_RANGE,
        &STORAGE_THROTTLED,
    ];
    alone.into_iter().chain(STS.iter().map(|said| &said.hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sentences as Google says them; values in them are examples.
    #[test]
    fn googles_sentences_find_their_rows() {
        let rows = [
            (
                "invalid_request",
                "Invalid value for \"audience\". This value should be the full resource name",
                "google-audience-value",
            ),
            (
                "invalid_target",
                "The target service indicated by the \"audience\" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist.",
                "invalid_target",
            ),
            (
                "invalid_grant",
                "The audience in ID Token [api://x] does not match the expected audience.",
                "google-audience",
            ),
            ("invalid_grant", "Error connecting to the given credential's issuer.", "google-issuer"),
            ("invalid_grant", "ID Token issued at 1700000000 is stale to sign-in.", "google-stale-token"),
            (
                "unauthorized_client",
                "The given credential is rejected by the attribute condition.",
                "google-attribute-condition",
            ),
            (
                "unauthorized_client",
                "Could not obtain a value for google.subject from the given credential.",
                "google-subject-missing",
            ),
            (
                "invalid_request",
                "The size of mapped attribute google.subject exceeds the 127 bytes limit.",
                "google-mapped-size",
            ),
            ("quota_exceeded", "", "throttled"),
        ];
        for (error, description, anchor) in rows {
            let hint = google_sts(error, description);
            assert_eq!(hint.map(|hint| hint.anchor), Some(anchor), "{error}: {description}");
        }
        assert_eq!(google_sts("invalid_grant", "something else"), None);
    }

    #[test]
    fn a_disabled_api_is_told_apart_from_a_missing_grant() {
        let denied =
            "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).";
        let row = |reason, message| google_iam(403, reason, message).map(|hint| hint.anchor);
        assert_eq!(row(Some("IAM_PERMISSION_DENIED"), denied), Some("getaccesstoken-denied"));
        assert_eq!(row(Some("SERVICE_DISABLED"), "it is disabled"), Some("google-api-disabled"));
        assert_eq!(row(Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT"), "scopes"), None);
    }
}
