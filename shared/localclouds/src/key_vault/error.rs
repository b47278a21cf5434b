//! Key Vault's error answers. Codes and words are those that people have published, of "Common HTTP status
//! codes", "Troubleshooting Azure Key Vault access policy issues" and the clients' own recordings; what is
//! ours is said.

use super::access::Action;
use crate::entra::Caller;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

#[derive(Debug)]
pub(super) struct VaultError {
    status: StatusCode,
    code: &'static str,
    message: String,
    inner: Option<&'static str>,
    challenge: Option<String>,
}

impl VaultError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), inner: None, challenge: None }
    }

    fn forbidden(inner: &'static str, message: impl Into<String>) -> Self {
        Self { inner: Some(inner), ..Self::new(StatusCode::FORBIDDEN, "Forbidden", message) }
    }

    pub(super) fn challenge(self, challenge: String) -> Self {
        Self { challenge: Some(challenge), ..self }
    }

    pub(super) fn no_token() -> Self {
        let message = "AKV10000: Request is missing a Bearer or PoP token.";
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message)
    }

    /// What was found there is left out.
    pub(super) fn audience(expected: &str) -> Self {
        let message = format!("AKV10022: Invalid audience. Expected {expected}");
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message)
    }

    /// The words are ours.
    pub(super) fn invalid_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "The token is invalid or has expired.")
    }

    pub(super) fn firewall(caller: &Caller, vault: &str) -> Self {
        let message = format!(
            "Client address is not authorized and caller is not a trusted service.\r\nClient address: 127.0.0.1\r\n{}\r\nVault: {vault};location=westeurope",
            named(caller)
        );
        Self::forbidden("ForbiddenByFirewall", message)
    }

    pub(super) fn denied(caller: &Caller, action: Action, vault: &str, secret: &str) -> Self {
        let message = format!(
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\n{}\r\nAction: '{}'\r\nResource: '/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/carnet/providers/microsoft.keyvault/vaults/{vault}/secrets/{secret}'\r\nAssignment: (not found)\r\nVault: {vault};location=westeurope",
            named(caller),
            action.name()
        );
        Self::forbidden("ForbiddenByRbac", message)
    }

    pub(super) fn disabled() -> Self {
        Self::forbidden("SecretDisabled", "Operation get is not allowed on a disabled secret.")
    }

    pub(super) fn not_found(secret: &str) -> Self {
        let message = format!(
            "A secret with (name/id) {secret} was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"
        );
        Self::new(StatusCode::NOT_FOUND, "SecretNotFound", message)
    }

    /// No address answers in Azure: status and words are ours.
    pub(super) fn no_vault(vault: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "VaultNotFound", format!("These stand-ins have no vault {vault}."))
    }

    /// The words are ours.
    pub(super) fn no_api_version() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadParameter", "The parameter api-version is missing.")
    }

    /// The words are ours.
    pub(super) fn bad_parameter(name: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadParameter", format!("The parameter {name} is invalid."))
    }

    /// The words are ours.
    pub(super) fn not_supported() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", "These stand-ins know no such operation.")
    }
}

fn named(caller: &Caller) -> String {
    let Caller { object_id, tenant_id, app_id } = caller;
    format!("Caller: appid={app_id};oid={object_id};iss=https://sts.windows.net/{tenant_id}/")
}

impl IntoResponse for VaultError {
    fn into_response(self) -> Response {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(inner) = self.inner {
            error["innererror"] = json!({ "code": inner });
        }
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        if let Some(challenge) = self.challenge.and_then(|text| HeaderValue::try_from(text).ok()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
