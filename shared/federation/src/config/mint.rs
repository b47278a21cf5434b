//! Where proofs come from: `CARNET_MINT`, and what that mint has to know.

use super::azure::{authority, cloud, is_tenant};
use super::google::is_service_account;
use super::{Env, Faults, endpoint, is_guid};
use crate::http::guard;
use crate::mint::{
    AppCredential, AzureAppOptions, AzureIdentityOptions, AzureIdentityService, CognitoOptions,
    DeveloperLogin, GithubOptions, GoogleMetadataOptions, MintOptions, TokenFileOptions,
};
use crate::token::Secret;
use reqwest::Url;

const MINT: &str = "CARNET_MINT";
const POOL: &str = "CARNET_COGNITO_IDENTITY_POOL_ID";

/// The mints by the names that settings give them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MintKind {
    Aws,
    Cognito,
    TokenFile,
    Github,
    AzureIdentity,
    AzureApp,
    GoogleMetadata,
}

impl MintKind {
    pub const ALL: [Self; 7] = [
        Self::Aws,
        Self::Cognito,
        Self::TokenFile,
        Self::Github,
        Self::AzureIdentity,
        Self::AzureApp,
        Self::GoogleMetadata,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Cognito => "cognito",
            Self::TokenFile => "token-file",
            Self::Github => "github",
            Self::AzureIdentity => "azure-identity",
            Self::AzureApp => "azure-app",
            Self::GoogleMetadata => "google-metadata",
        }
    }

    /// What `CARNET_MINT` names; `None` if it is nothing that exists.
    pub fn of(env: &Env) -> Option<Self> {
        let Some(name) = env.get(MINT) else { return Some(Self::Aws) };
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether its tokens are for an App ID URI, so that no far side's own audience can be asked for.
    pub(super) fn is_entra(self) -> bool {
        matches!(self, Self::AzureIdentity | Self::AzureApp)
    }
}

/// The audience of every token that the mint makes, where it has only one: an identity pool's id.
pub(super) fn only_audience(env: &Env) -> Option<&str> {
    env.get(POOL).filter(|_| MintKind::of(env) == Some(MintKind::Cognito))
}

/// | variable | meaning |
/// |---|---|
/// | `CARNET_MINT` | `aws` (default), `cognito`, `token-file`, `github`, `azure-identity`, `azure-app`, `google-metadata` |
///
/// and those of each function below.
pub(crate) fn mint_options(env: &Env, faults: &mut Faults) -> Option<(MintKind, MintOptions)> {
    let Some(kind) = MintKind::of(env) else {
        let names: Vec<&str> = MintKind::ALL.iter().map(|kind| kind.as_str()).collect();
        faults.add(MINT, &format!("is none of {}", names.join(", ")));
        return None;
    };
    let before = faults.len();
    let options = match kind {
        MintKind::Aws => Some(MintOptions::Aws),
        MintKind::Cognito => cognito(env, faults).map(MintOptions::Cognito),
        MintKind::TokenFile => token_file(env, faults).map(MintOptions::TokenFile),
        MintKind::Github => github(env, faults).map(MintOptions::Github),
        MintKind::AzureIdentity => azure_identity(env, faults).map(MintOptions::AzureIdentity),
        MintKind::AzureApp => azure_app(env, faults).map(MintOptions::AzureApp),
        MintKind::GoogleMetadata => google_metadata(env, faults).map(MintOptions::GoogleMetadata),
    }?;
    (faults.len() == before).then_some((kind, options))
}

/// | variable | meaning |
/// |---|---|
/// | `CARNET_COGNITO_IDENTITY_POOL_ID` | `REGION:GUID`; also the tokens' audience |
/// | `CARNET_COGNITO_IDENTITY_ID` | the identity; without it, a new one |
/// | `CARNET_COGNITO_DEVELOPER_PROVIDER`, `CARNET_COGNITO_DEVELOPER_USER` | a developer identity |
/// | `AWS_ENDPOINT_URL_COGNITO_IDENTITY` | instead of the region's endpoint |
fn cognito(env: &Env, faults: &mut Faults) -> Option<CognitoOptions> {
    const IDENTITY: &str = "CARNET_COGNITO_IDENTITY_ID";
    const PROVIDER: &str = "CARNET_COGNITO_DEVELOPER_PROVIDER";
    const USER: &str = "CARNET_COGNITO_DEVELOPER_USER";
    const ENDPOINT: &str = "AWS_ENDPOINT_URL_COGNITO_IDENTITY";
    let form = "is not REGION:GUID, such as eu-central-1:11111111-2222-3333-4444-555555555555";
    let pool = env.get(POOL);
    match pool {
        None => faults.add(POOL, "is not set; it is the identity pool whose tokens are asked for"),
        Some(id) if !is_cognito_id(id) => faults.add(POOL, form),
        Some(_) => {}
    }
    let identity_id = env.get(IDENTITY);
    if identity_id.is_some_and(|id| !is_cognito_id(id)) {
        faults.add(IDENTITY, form);
    }
    let developer = match (env.get(PROVIDER), env.get(USER)) {
        (Some(provider), Some(user)) => Some(DeveloperLogin { provider: provider.into(), user: user.into() }),
        (None, None) => None,
        (Some(_), None) => {
            faults
                .add(USER, &format!("is not set, but {PROVIDER} is; it is the user that the provider knows"));
            None
        }
        (None, Some(_)) => {
            faults.add(
                PROVIDER,
                &format!("is not set, but {USER} is; it is the pool's developer provider name"),
            );
            None
        }
    };
    let url = env.get(ENDPOINT).map(endpoint);
    if url == Some(None) {
        faults.add(ENDPOINT, "is not an https URL (or http to this machine)");
    }
    Some(CognitoOptions {
        identity_pool_id: pool?.to_owned(),
        identity_id: identity_id.map(str::to_owned),
        developer,
        endpoint: url.flatten(),
    })
}

/// `[\w-]+:[0-9a-f-]+`, at most 55 characters ("GetId", API reference).
fn is_cognito_id(text: &str) -> bool {
    let is_region = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_id = |c: char| matches!(c, '0'..='9' | 'a'..='f' | '-');
    text.len() <= 55
        && text.split_once(':').is_some_and(|(region, id)| {
            !region.is_empty() && region.chars().all(is_region) && !id.is_empty() && id.chars().all(is_id)
        })
}

/// | variable | meaning |
/// |---|---|
/// | `CARNET_TOKEN_FILE` | the file |
/// | `AZURE_FEDERATED_TOKEN_FILE` | instead, as AKS sets it |
/// | `AWS_WEB_IDENTITY_TOKEN_FILE` | instead, as EKS sets it |
fn token_file(env: &Env, faults: &mut Faults) -> Option<TokenFileOptions> {
    const NAMES: [&str; 3] = ["CARNET_TOKEN_FILE", "AZURE_FEDERATED_TOKEN_FILE", AWS_TOKEN_FILE];
    let found = NAMES.iter().find_map(|name| env.get(name).map(|path| (*name, path)));
    let Some((variable, path)) = found else {
        let [own, aks, eks] = NAMES;
        faults
            .add(own, &format!("is not set, nor {aks} (AKS) or {eks} (EKS); it is the file with the token"));
        return None;
    };
    Some(TokenFileOptions { variable, path: path.into() })
}

pub(super) const AWS_TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

/// | variable | meaning |
/// |---|---|
/// | `ACTIONS_ID_TOKEN_REQUEST_URL`, `ACTIONS_ID_TOKEN_REQUEST_TOKEN` | as GitHub sets them for a job |
fn github(env: &Env, faults: &mut Faults) -> Option<GithubOptions> {
    const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
    const TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
    let missing = "is not set; GitHub sets it for jobs with `permissions: id-token: write` only";
    let url = match env.get(URL) {
        None => {
            faults.add(URL, missing);
            None
        }
        // It has a query of its own.
        Some(text) => {
            let url = text.parse::<Url>().ok().filter(|url| url.has_host() && guard::check(url).is_ok());
            if url.is_none() {
                faults.add(URL, "is not an https URL");
            }
            url
        }
    };
    let token = env.get(TOKEN);
    if token.is_none() {
        faults.add(TOKEN, missing);
    }
    Some(GithubOptions { request_url: url?, request_token: Secret::new(token?) })
}

/// | variable | meaning |
/// |---|---|
/// | `IDENTITY_ENDPOINT`, `IDENTITY_HEADER` | as App Service and Functions set them |
/// | `AZURE_POD_IDENTITY_AUTHORITY_HOST` | instead of `http://169.254.169.254`, on a virtual machine |
/// | `CARNET_AZURE_IDENTITY_CLIENT_ID`, else `AZURE_CLIENT_ID` | a user-assigned identity |
fn azure_identity(env: &Env, faults: &mut Faults) -> Option<AzureIdentityOptions> {
    const HOST: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
    const ENDPOINT: &str = "IDENTITY_ENDPOINT";
    const OWN: &str = "CARNET_AZURE_IDENTITY_CLIENT_ID";
    let on_machine = |name: &str, text: &str, faults: &mut Faults| {
        let url = text.parse::<Url>().ok().filter(|url| guard::check_metadata(url).is_ok());
        if url.is_none() {
            faults.add(name, "is not a http URL of this machine, such as http://169.254.169.254");
        }
        url
    };
    let service = match (env.get(ENDPOINT), env.get("IDENTITY_HEADER")) {
        (Some(url), Some(header)) => on_machine(ENDPOINT, url, faults)
            .map(|endpoint| AzureIdentityService::AppService { endpoint, header: Secret::new(header) }),
        _ => {
            let host = env.get(HOST).unwrap_or("http://169.254.169.254");
            on_machine(HOST, host, faults).map(AzureIdentityService::Imds)
        }
    };
    let (name, client_id) = match env.get(OWN) {
        Some(id) => (OWN, Some(id)),
        None => ("AZURE_CLIENT_ID", env.get("AZURE_CLIENT_ID")),
    };
    if client_id.is_some_and(|id| !is_guid(id)) {
        faults.add(name, "is not a GUID such as 00000000-0000-0000-0000-000000000000");
    }
    Some(AzureIdentityOptions {
        service: service?,
        client_id: client_id.map(str::to_owned),
        client_id_is_own: name == OWN,
    })
}

/// | variable | meaning |
/// |---|---|
/// | `CARNET_AZURE_APP_TENANT_ID`, else `AZURE_TENANT_ID` | the app registration's tenant |
/// | `CARNET_AZURE_APP_CLIENT_ID`, else `AZURE_CLIENT_ID` | its client id |
/// | `AZURE_CLIENT_SECRET` | one of three: its secret |
/// | `CARNET_AZURE_CLIENT_SECRET_FROM` | the URL of a stored secret |
/// | `AZURE_CLIENT_CERTIFICATE_PATH` | a PEM file with certificate and key |
/// | `AZURE_AUTHORITY_HOST` | instead of the cloud's token service |
fn azure_app(env: &Env, faults: &mut Faults) -> Option<AzureAppOptions> {
    let tenant = first(
        env,
        ["CARNET_AZURE_APP_TENANT_ID", "AZURE_TENANT_ID"],
        faults,
        "the app registration's tenant",
    );
    let tenant = tenant.filter(|(name, id)| {
        let sound = is_tenant(id);
        if !sound {
            faults.add(name, "is neither a GUID nor a domain name");
        }
        sound
    });
    let client = first(
        env,
        ["CARNET_AZURE_APP_CLIENT_ID", "AZURE_CLIENT_ID"],
        faults,
        "the app registration's client id",
    );
    let client = client.filter(|(name, id)| {
        let sound = is_guid(id);
        if !sound {
            faults.add(name, "is not a GUID such as 00000000-0000-0000-0000-000000000000");
        }
        sound
    });
    let cloud = cloud(env, faults);
    let authority = authority(env, cloud, faults);
    let credential = app_credential(env, faults);
    Some(AzureAppOptions {
        authority: authority?,
        tenant_id: tenant?.1.to_owned(),
        client_id: client?.1.to_owned(),
        credential: credential?,
    })
}

fn first<'e>(
    env: &'e Env,
    names: [&'static str; 2],
    faults: &mut Faults,
    what: &str,
) -> Option<(&'static str, &'e str)> {
    let found = names.into_iter().find_map(|name| env.get(name).map(|value| (name, value)));
    if found.is_none() {
        faults.add(names[0], &format!("is not set, nor {}; it is {what}", names[1]));
    }
    found
}

fn app_credential(env: &Env, faults: &mut Faults) -> Option<AppCredential> {
    const SECRET: &str = "AZURE_CLIENT_SECRET";
    const STORED: &str = "CARNET_AZURE_CLIENT_SECRET_FROM";
    const CERTIFICATE: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
    const SCHEMES: [&str; 3] = ["keyvault://", "secretmanager://", "secretsmanager://"];
    match (env.get(SECRET), env.get(STORED), env.get(CERTIFICATE)) {
        (Some(secret), None, None) => Some(AppCredential::Secret(Secret::new(secret))),
        (None, Some(url), None) if SCHEMES.iter().any(|scheme| url.starts_with(scheme)) => {
            Some(AppCredential::StoredSecret(url.to_owned()))
        }
        // Not quoted: somebody may have put the secret itself there.
        (None, Some(_), None) => {
            let what = "is not the URL of a stored secret: keyvault://VAULT/SECRET, \
                        secretmanager://PROJECT/SECRET or secretsmanager://NAME";
            faults.add(STORED, what);
            None
        }
        (None, None, Some(path)) => Some(AppCredential::Certificate(path.into())),
        (None, None, None) => {
            faults.add(
                SECRET,
                &format!("is not set, nor {STORED} or {CERTIFICATE}; the app needs one of them"),
            );
            None
        }
        _ => {
            faults.add(SECRET, &format!("only one of {SECRET}, {STORED} and {CERTIFICATE} may be set"));
            None
        }
    }
}

/// | variable | meaning |
/// |---|---|
/// | `GCE_METADATA_HOST` | `HOST[:PORT]` instead of `metadata.google.internal` |
/// | `CARNET_GOOGLE_METADATA_ACCOUNT` | another service account of the machine than `default` |
fn google_metadata(env: &Env, faults: &mut Faults) -> Option<GoogleMetadataOptions> {
    const HOST: &str = "GCE_METADATA_HOST";
    const ACCOUNT: &str = "CARNET_GOOGLE_METADATA_ACCOUNT";
    let host = env.get(HOST).unwrap_or(guard::GOOGLE_METADATA);
    let url = format!("http://{host}/").parse::<Url>().ok();
    let is_bare = !host.contains(['/', '?', '#', '@']);
    let url = url.filter(|url| is_bare && guard::check_metadata(url).is_ok());
    if url.is_none() {
        faults.add(
            HOST,
            "is not HOST or HOST:PORT of this machine, such as metadata.google.internal or 169.254.169.254",
        );
    }
    let account = env.get(ACCOUNT).unwrap_or("default");
    if account != "default" && !is_service_account(account) {
        faults.add(ACCOUNT, "is not a service account such as reader@my-project.iam.gserviceaccount.com");
    }
    Some(GoogleMetadataOptions { host: url?, account: account.to_owned() })
}

#[cfg(test)]
mod tests;
