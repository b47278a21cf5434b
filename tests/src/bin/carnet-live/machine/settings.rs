//! What the `carnet` command is told of an instance's ways: what `carnet.toml` states, in its variables.

use carnet_trust::config::{Config, Principal, ProviderKind};

/// Set, or taken away where nothing is stated: what this process was started with must not decide.
pub type Settings = Vec<(&'static str, Option<String>)>;

pub fn of(config: &Config, principal: &Principal) -> Settings {
    let azure = config.azure.as_ref();
    let identity = azure.and_then(|azure| azure.identities.get(principal.azure_identity.as_ref()?));
    let google = config.google.as_ref();
    let id = principal.google_provider.as_ref();
    let provider = google.and_then(|google| google.providers.get(id?));
    let account =
        google.and_then(|google| google.service_accounts.get(principal.google_service_account.as_ref()?));
    let token_type = provider.map(|provider| match provider.kind {
        ProviderKind::Oidc => "jwt",
        ProviderKind::Aws => "aws4_request",
    });
    vec![
        ("AWS_REGION", Some(config.aws.region.clone())),
        ("AZURE_TENANT_ID", azure.map(|azure| azure.tenant_id.clone())),
        ("AZURE_CLIENT_ID", identity.map(|identity| identity.client_id.clone())),
        ("CARNET_AZURE_CLOUD", azure.map(|azure| azure.cloud.name().to_owned())),
        ("CARNET_GOOGLE_AUDIENCE", google.and_then(|google| Some(google.audience(id?)))),
        (
            "CARNET_GOOGLE_TOKEN_AUDIENCE",
            provider.and_then(|provider| provider.allowed_audiences.first().cloned()),
        ),
        ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", token_type.map(str::to_owned)),
        ("CARNET_GOOGLE_SERVICE_ACCOUNT", account.map(|account| account.email.clone())),
        ("GOOGLE_APPLICATION_CREDENTIALS", None),
        ("AZURE_MANAGED_IDENTITY_CLIENT_ID", None),
        ("CARNET_AZURE_AUDIENCE", None),
        // Its last line on stderr is the error, or what was read.
        ("RUST_LOG", None),
    ]
}
