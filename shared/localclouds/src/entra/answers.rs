//! Every refusal, in Microsoft's words and shape.
//!
//! The texts are those people have published with these codes, and those of "Microsoft Entra
//! authentication and authorization error codes". Where no wording was found the text is ours and
//! says so in a comment. Those of malformed requests (900144, 7000218, 70003, 900023, 50027,
//! 700027) and the second sentence of 700016 are written from experience and were compared with no
//! document.

use crate::faults;
use axum::Json;
use axum::response::{IntoResponse, Response};
use carnet_trust::entra::Refusal;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

const CHECK_FIELDS: &str = "Check your federated identity credential Subject, Audience and Issuer against the \
    presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation";

/// One refusal: OAuth's error, the number in `AADSTSnnn`, and the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub error: &'static str,
    pub code: u32,
    pub text: String,
}

impl Answer {
    fn new(error: &'static str, code: u32, text: impl Into<String>) -> Self {
        Self { error, code, text: text.into() }
    }

    /// 401 for a client that is not who it says, as RFC 6749 wants; 400 for everything else.
    fn status(&self) -> StatusCode {
        if self.error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST }
    }
}

/// `correlation_id` is the client's own, if it sent one.
pub fn respond(answer: &Answer, correlation_id: Option<&str>) -> Response {
    let trace_id = Uuid::new_v4().to_string();
    let correlation_id = correlation_id.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    // These components exist in every date.
    let timestamp = OffsetDateTime::from(faults::now()).format(format).unwrap_or_default();
    let code = answer.code;
    let body = json!({
        "error": answer.error,
        "error_description": format!(
            "AADSTS{code}: {} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}",
            answer.text
        ),
        "error_codes": [code],
        "timestamp": timestamp,
        "trace_id": trace_id,
        "correlation_id": correlation_id,
        "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
    });
    let mut response = (answer.status(), Json(body)).into_response();
    mark(&mut response, &trace_id);
    response
}

/// The headers of every answer of the token endpoint.
pub fn mark(response: &mut Response, request_id: &str) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-ms-request-id", id);
    }
}

pub fn missing_parameter(name: &str) -> Answer {
    let text = format!("The request body must contain the following parameter: '{name}'.");
    Answer::new("invalid_request", 900144, text)
}

pub fn missing_credential() -> Answer {
    let text =
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
    Answer::new("invalid_client", 7000218, text)
}

pub fn grant_type(grant_type: &str) -> Answer {
    let text = format!("The app requested an unsupported grant type '{grant_type}'.");
    Answer::new("unsupported_grant_type", 70003, text)
}

pub fn tenant_malformed(tenant: &str) -> Answer {
    let text = format!(
        "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain."
    );
    Answer::new("invalid_request", 900023, text)
}

pub fn tenant(tenant: &str) -> Answer {
    let text = format!(
        "Tenant '{tenant}' not found. This may happen if there are no active subscriptions for the tenant. Check \
         to make sure you have the correct tenant ID. Check with your subscription administrator."
    );
    Answer::new("invalid_request", 90002, text)
}

pub fn application(client_id: &str, tenant: &str) -> Answer {
    let text = format!(
        "Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen if \
         the application has not been installed by the administrator of the tenant or consented to by any user in \
         the tenant. You may have sent your authentication request to the wrong tenant."
    );
    Answer::new("unauthorized_client", 700016, text)
}

pub fn scope(scope: &str) -> Answer {
    let text = format!(
        "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
         /.default suffixed to the resource identifier (application ID URI)."
    );
    Answer::new("invalid_scope", 1002012, text)
}

pub fn resource(resource: &str, tenant: &str) -> Answer {
    let text = format!(
        "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if \
         the application has not been installed by the administrator of the tenant or consented to by any user in \
         the tenant. You might have sent your authentication request to the wrong tenant."
    );
    Answer::new("invalid_resource", 500011, text)
}

pub fn assertion_malformed() -> Answer {
    Answer::new("invalid_request", 50027, "JWT token is invalid or malformed.")
}

pub fn token_type() -> Answer {
    let text = "Invalid JWT header type specified. Allowed types: 'JWT','http://openid.net/specs/jwt/1.0'.";
    Answer::new("invalid_request", 5002727, text)
}

pub fn not_in_time(now: &str, from: &str, until: &str) -> Answer {
    let text = format!(
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {from}, \
         expiry time of assertion {until}. Review the documentation at \
         https://learn.microsoft.com/entra/identity-platform/certificate-credentials ."
    );
    Answer::new("invalid_client", 700024, text)
}

pub fn signing_key(key_id: &str, issuer: &str) -> Answer {
    let text = format!(
        "The certificate with identifier {key_id} used to sign the federated credential could not be found in the \
         metadata of identity provider {issuer}. Please validate that your Identity Provider's metadata exposes \
         the key used to sign the incoming token."
    );
    Answer::new("invalid_client", 7000272, text)
}

pub fn signature() -> Answer {
    Answer::new("invalid_client", 700027, "Client assertion failed signature validation.")
}

/// Microsoft uses three codes for it: 501661, 90061 and 50166. The first is for an answer that is of
/// no use, the second for none at all; that distinction is ours.
pub fn issuer_unreachable(answered: bool) -> Answer {
    let code = if answered { 501661 } else { 90061 };
    Answer::new("invalid_request", code, "Request to External OIDC endpoint failed.")
}

pub fn secret(client_id: &str) -> Answer {
    let text = format!(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
         not the client secret ID, for a secret added to app '{client_id}'."
    );
    Answer::new("invalid_client", 7000215, text)
}

pub fn secret_expired(client_id: &str) -> Answer {
    let text = format!(
        "The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to create new \
         keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added \
         security: https://aka.ms/certCreds."
    );
    Answer::new("invalid_client", 7000222, text)
}

pub fn no_thumbprint() -> Answer {
    let text = "Invalid JWT token. No certificate thumbprint specified in token header.";
    Answer::new("invalid_request", 50027, text)
}

/// No certificate of the application has this thumbprint.
pub fn certificate(client_id: &str, thumbprint: &str) -> Answer {
    let text = format!(
        "The certificate with identifier used to sign the client assertion is not registered on application. \
         [Reason - The key was not found., Thumbprint of key used by client: '{thumbprint}', Please visit the Azure \
         Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{client_id}']."
    );
    Answer::new("invalid_client", 700027, text)
}

/// The code is Microsoft's; the words for an assertion of one's own are ours.
pub fn own_algorithm(algorithm: &str) -> Answer {
    let text =
        format!("Invalid JWT token. '{algorithm}' is not a supported signature algorithm for a certificate.");
    Answer::new("invalid_client", 5002738, text)
}

/// The code is Microsoft's; the words are ours.
pub fn own_subject() -> Answer {
    let text = "Client assertion contains an invalid subject: it must be the client id, as the issuer is.";
    Answer::new("invalid_client", 700021, text)
}

/// The code is Microsoft's; the words are ours.
pub fn own_audience(audience: &str) -> Answer {
    let text = format!("Client assertion audience '{audience}' is not the token endpoint of this tenant.");
    Answer::new("invalid_client", 700023, text)
}

/// The federated credentials let nobody in.
pub fn refusal(refusal: &Refusal, client_id: &str, name: &str) -> Answer {
    let Refusal { code, field, presented, .. } = refusal;
    let no_match =
        format!("No matching federated identity record found for presented assertion {field} '{presented}'.");
    match *code {
        Refusal::ALGORITHM => {
            let text = format!(
                "Invalid JWT token. '{presented}' is not a supported signature algorithm. Supported signing \
                 algorithms are: 'RS256,RS384,RS512'"
            );
            Answer::new("invalid_client", *code, text)
        }
        Refusal::NO_CREDENTIALS => {
            let text =
                format!("The client '{client_id}'({name}) has no configured federated identity credentials.");
            Answer::new("invalid_client", *code, text)
        }
        Refusal::LETTER_CASE => {
            let text = format!(
                "{no_match} The {field} matches with case-insensitive comparison, but not with case-sensitive \
                 comparison. {CHECK_FIELDS}"
            );
            Answer::new("invalid_client", *code, text)
        }
        _ => Answer::new("invalid_client", *code, format!("{no_match} {CHECK_FIELDS}")),
    }
}

/// The older form, and what is said while a new credential spreads.
pub fn spreading(issuer: &str, subject: &str, audience: &str) -> Answer {
    let text = format!(
        "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. \
         Assertion Subject: '{subject}'. Assertion Audience: '{audience}'. {CHECK_FIELDS}"
    );
    Answer::new("invalid_request", 70021, text)
}

pub fn own_token() -> Answer {
    Answer::new("invalid_client", 700222, "AAD-issued tokens may not be used for federated identity flows.")
}

/// A policy of the tenant that a test switches on by its number.
pub fn blocked(code: u32) -> Answer {
    match code {
        53003 => Answer::new(
            "invalid_grant",
            code,
            "Access has been blocked by Conditional Access policies. The access policy does not allow token \
             issuance.",
        ),
        700222 => own_token(),
        7002121 => Answer::new(
            "invalid_client",
            code,
            format!(
                "No matching federated identity record found for presented assertion audience. {CHECK_FIELDS}"
            ),
        ),
        // Ours: no wording of Microsoft's was found for these.
        700223 => Answer::new(
            "invalid_client",
            code,
            "Workload identity federation is constrained or disabled on the tenant.",
        ),
        700238 => {
            Answer::new("invalid_client", code, "Workload identity federation is disabled on the tenant.")
        }
        7002131 => Answer::new(
            "invalid_client",
            code,
            "No flexible federated identity credential's expression matched the presented assertion.",
        ),
        _ => Answer::new("invalid_client", code, "A policy of the tenant does not allow this sign-in."),
    }
}
