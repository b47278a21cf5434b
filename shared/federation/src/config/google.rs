//! The way to Google: from the file that `gcloud` writes, from variables, or from both.

use super::external_account::{self, ExternalAccount, FILE};
use super::mint::{MintKind, only_audience};
use super::{Env, Faults, endpoint, spreading_window};
use crate::assertion::Proof;
use reqwest::Url;
use std::ops::RangeInclusive;
use std::time::Duration;

const SERVICE_ACCOUNT: &str = "CARNET_GOOGLE_SERVICE_ACCOUNT";
/// Google's own cloud. The others are named by `GOOGLE_CLOUD_UNIVERSE_DOMAIN`.
const UNIVERSE: &str = "googleapis.com";
/// From "Obtain short-lived credentials for workload identity federation": an hour unless told
/// otherwise, ten minutes at least, and up to 12 hours where an organization policy allows it.
const LIFETIME: Duration = Duration::from_secs(3600);
pub(super) const LIFETIMES: RangeInclusive<u64> = 600..=43_200;

/// Everything the way to Google needs to know.
#[derive(Clone, Debug)]
pub struct GoogleSettings {
    /// The provider's full resource name, beginning with `//`.
    pub audience: String,
    /// The `aud` of outbound tokens, if the provider allows another in place of its name.
    pub token_audience: Option<String>,
    /// What the provider takes: a JWT (OIDC provider) or a signed AWS request (AWS provider).
    pub proof: Proof,
    /// Whom to act as. Without one, the federated identity itself goes to the store.
    pub service_account: Option<String>,
    /// Service accounts between the federated identity and that one, in this order.
    pub delegates: Vec<String>,
    /// Of the service account's token.
    pub token_lifetime: Duration,
    pub universe_domain: String,
    pub sts_endpoint: Url,
    pub iam_credentials_endpoint: Url,
    pub storage_endpoint: Url,
    /// For how long a refusal that may be a change still spreading is tried again.
    pub spreading_window: Duration,
}

impl GoogleSettings {
    /// Each variable goes before what the file says.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `GOOGLE_APPLICATION_CREDENTIALS` | a file of type `external_account`, as `gcloud` writes it |
    /// | `CARNET_GOOGLE_AUDIENCE` | the provider's full resource name |
    /// | `CARNET_GOOGLE_TOKEN_AUDIENCE` | the token's `aud`, if the provider's allowed audiences leave out its name |
    /// | `CARNET_GOOGLE_SUBJECT_TOKEN_TYPE` | `jwt` (default) or `aws4_request` |
    /// | `CARNET_GOOGLE_SERVICE_ACCOUNT` | the service account to act as; without it, direct access |
    /// | `CARNET_GOOGLE_DELEGATES` | service accounts on the way to it, separated by commas |
    /// | `CARNET_GOOGLE_TOKEN_LIFETIME_SECONDS` | of its token: 600 to 43200, default 3600 |
    /// | `GOOGLE_CLOUD_UNIVERSE_DOMAIN` | instead of `googleapis.com`, in every host |
    /// | `CARNET_GOOGLE_STS_ENDPOINT` | instead of `https://sts.<universe>` |
    /// | `CARNET_GOOGLE_IAM_CREDENTIALS_ENDPOINT` | instead of `https://iamcredentials.<universe>` |
    /// | `CARNET_GOOGLE_STORAGE_ENDPOINT` | instead of `https://storage.<universe>` |
    /// | `CARNET_SPREADING_WINDOW_SECONDS` | 0 to 600, default 3 |
    pub fn read(env: &Env, faults: &mut Faults) -> Option<Self> {
        let before = faults.len();
        let file = match env.get(FILE) {
            Some(path) => external_account::read(path, faults)?,
            None => ExternalAccount::default(),
        };
        let universe_domain = universe_domain(env, &file, faults);
        let hosts = Hosts { env, universe: universe_domain.as_deref().unwrap_or(UNIVERSE) };
        let audience = audience(env, &file, hosts.universe, faults);
        let proof = proof(env, &file, faults);
        let token_audience = token_audience(env, proof, faults);
        let service_account = service_account(env, &file, faults);
        let delegates = delegates(env, service_account.is_some(), faults);
        let token_lifetime = token_lifetime(env, &file, faults);
        let sts = hosts.endpoint("CARNET_GOOGLE_STS_ENDPOINT", "sts", file.sts_endpoint, faults);
        let iam_credentials = hosts.endpoint(
            "CARNET_GOOGLE_IAM_CREDENTIALS_ENDPOINT",
            "iamcredentials",
            file.iam_credentials_endpoint,
            faults,
        );
        let storage = hosts.endpoint("CARNET_GOOGLE_STORAGE_ENDPOINT", "storage", None, faults);
        let spreading_window = spreading_window(env, faults);
        let settings = Self {
            audience: audience?,
            token_audience,
            proof: proof?,
            service_account,
            delegates,
            token_lifetime,
            universe_domain: universe_domain?,
            sts_endpoint: sts?,
            iam_credentials_endpoint: iam_credentials?,
            storage_endpoint: storage?,
            spreading_window,
        };
        (faults.len() == before).then_some(settings)
    }
}

/// Where Google's services are: `https://<service>.<universe>`, unless told otherwise.
struct Hosts<'a> {
    env: &'a Env,
    universe: &'a str,
}

impl Hosts<'_> {
    fn endpoint(
        &self,
        variable: &str,
        service: &str,
        of_file: Option<Url>,
        faults: &mut Faults,
    ) -> Option<Url> {
        let Some(text) = self.env.get(variable) else {
            return of_file.or_else(|| endpoint(&format!("https://{service}.{}", self.universe)));
        };
        let url = endpoint(text).filter(|url| url.path() == "/");
        if url.is_none() {
            let example = format!("is not an https URL without a path, such as https://{service}.{UNIVERSE}");
            faults.add(variable, &example);
        }
        url
    }
}

fn universe_domain(env: &Env, file: &ExternalAccount, faults: &mut Faults) -> Option<String> {
    const NAME: &str = "GOOGLE_CLOUD_UNIVERSE_DOMAIN";
    let (name, value) = match env.get(NAME) {
        Some(value) => (NAME.to_owned(), value),
        None => {
            (external_account::field("universe_domain"), file.universe_domain.as_deref().unwrap_or(UNIVERSE))
        }
    };
    // It becomes a part of host names.
    let is_domain = value.split('.').count() > 1
        && value
            .split('.')
            .all(|label| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
    if is_domain {
        return Some(value.to_owned());
    }
    faults.add(&name, "is not a domain such as googleapis.com");
    None
}

fn audience(env: &Env, file: &ExternalAccount, universe: &str, faults: &mut Faults) -> Option<String> {
    const NAME: &str = "CARNET_GOOGLE_AUDIENCE";
    let (name, value) = match (env.get(NAME), file.audience.as_deref()) {
        (Some(value), _) => (NAME.to_owned(), value),
        (None, Some(value)) => (external_account::field("audience"), value),
        (None, None) => {
            let what = format!(
                "is not set, and no {FILE} either; it is the full resource name of the workload identity pool's provider"
            );
            faults.add(NAME, &what);
            return None;
        }
    };
    let found = provider_name(value, universe);
    if found.is_none() {
        faults.add(
            &name,
            "is not a provider's full resource name: \
             //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER, \
             with the project's number, not its id",
        );
    }
    found
}

/// A signed request names the provider, and nothing in its place.
fn token_audience(env: &Env, proof: Option<Proof>, faults: &mut Faults) -> Option<String> {
    const NAME: &str = "CARNET_GOOGLE_TOKEN_AUDIENCE";
    let Some(value) = env.get(NAME).or_else(|| only_audience(env)) else {
        if MintKind::of(env).is_some_and(MintKind::is_entra) {
            let what = "is not set; a token of Entra's is for an App ID URI (api://…), \
                        which the provider must have among its allowed audiences";
            faults.add(NAME, what);
        }
        return None;
    };
    if proof == Some(Proof::SignedAwsRequest) {
        faults.add(NAME, "is of no use with aws4_request: a signed request is made for the provider");
    }
    // "Create a provider" (allowed audiences): 256 characters at most.
    if value.chars().count() > 256 {
        faults.add(NAME, "is longer than the 256 characters of an allowed audience");
    }
    Some(value.to_owned())
}

/// The name as Google's token service takes it. The console and `gcloud` also show it with `https:`
/// in front; google-auth says that the canonical name comes "with or without the HTTPS prefix".
fn provider_name(text: &str, universe: &str) -> Option<String> {
    let name = text.strip_prefix("https:").unwrap_or(text);
    let (host, path) = name.strip_prefix("//iam.")?.split_once("/projects/")?;
    if host != UNIVERSE && host != universe {
        return None;
    }
    let parts: Vec<&str> = path.split('/').collect();
    let [number, "locations", "global", "workloadIdentityPools", pool, "providers", provider] = parts[..]
    else {
        return None;
    };
    let is_number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    // "Manage workload identity pools and providers": 4 to 32 small letters, digits and hyphens.
    let is_id = |id: &str| {
        (4..=32).contains(&id.len())
            && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    (is_number && is_id(pool) && is_id(provider)).then(|| name.to_owned())
}

fn proof(env: &Env, file: &ExternalAccount, faults: &mut Faults) -> Option<Proof> {
    const NAME: &str = "CARNET_GOOGLE_SUBJECT_TOKEN_TYPE";
    let (name, proof) = match env.get(NAME) {
        None => (external_account::field("subject_token_type"), file.proof.unwrap_or(Proof::Jwt)),
        Some("jwt") => (NAME.to_owned(), Proof::Jwt),
        Some("aws4_request") => (NAME.to_owned(), Proof::SignedAwsRequest),
        Some(_) => {
            faults.add(NAME, "is neither jwt (for an OIDC provider) nor aws4_request (for an AWS provider)");
            return None;
        }
    };
    if let (Proof::SignedAwsRequest, Some(mint)) = (proof, MintKind::of(env))
        && mint != MintKind::Aws
    {
        let mint = mint.as_str();
        faults
            .add(&name, &format!("is aws4_request, which only CARNET_MINT=aws can make, and that is {mint}"));
    }
    Some(proof)
}

fn service_account(env: &Env, file: &ExternalAccount, faults: &mut Faults) -> Option<String> {
    let Some(value) = env.get(SERVICE_ACCOUNT) else { return file.service_account.clone() };
    if is_service_account(value) {
        return Some(value.to_owned());
    }
    faults.add(SERVICE_ACCOUNT, "is not a service account such as reader@my-project.iam.gserviceaccount.com");
    None
}

fn delegates(env: &Env, has_service_account: bool, faults: &mut Faults) -> Vec<String> {
    const NAME: &str = "CARNET_GOOGLE_DELEGATES";
    let Some(value) = env.get(NAME) else { return Vec::new() };
    let delegates: Vec<&str> = value.split(',').map(str::trim).collect();
    if !has_service_account && env.get(SERVICE_ACCOUNT).is_none() {
        faults.add(NAME, "is of no use without CARNET_GOOGLE_SERVICE_ACCOUNT");
    }
    if !delegates.iter().all(|delegate| is_service_account(delegate)) {
        faults.add(NAME, "is not a list of service accounts, separated by commas");
    }
    delegates.into_iter().map(str::to_owned).collect()
}

/// An e-mail or a numeric id. It becomes a path segment of a URL.
pub(super) fn is_service_account(text: &str) -> bool {
    let is_id = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let is_email = text.split_once('@').is_some_and(|(name, domain)| {
        let plain =
            |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
        !name.is_empty() && domain.contains('.') && plain(name) && plain(domain)
    });
    is_id || is_email
}

fn token_lifetime(env: &Env, file: &ExternalAccount, faults: &mut Faults) -> Duration {
    const NAME: &str = "CARNET_GOOGLE_TOKEN_LIFETIME_SECONDS";
    match env.get(NAME).map(str::parse::<u64>) {
        None => file.token_lifetime.unwrap_or(LIFETIME),
        Some(Ok(seconds)) if LIFETIMES.contains(&seconds) => Duration::from_secs(seconds),
        Some(_) => {
            faults.add(NAME, "is not a number of seconds from 600 to 43200");
            LIFETIME
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Result;

    const PROVIDER: &str = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/aws-one";
    const ACCOUNT: &str = "reader@my-project.iam.gserviceaccount.com";

    fn read(pairs: &[(&str, &str)]) -> Result<GoogleSettings> {
        let mut faults = Faults::default();
        let settings = GoogleSettings::read(&pairs.iter().copied().collect(), &mut faults);
        faults.into_result().map(|()| settings.expect("no fault, so there are settings"))
    }

    #[test]
    fn an_audience_is_enough() {
        let settings = read(&[("CARNET_GOOGLE_AUDIENCE", PROVIDER)]).unwrap();
        assert_eq!(settings.audience, PROVIDER);
        assert_eq!(settings.proof, Proof::Jwt);
        assert_eq!((settings.service_account, settings.token_lifetime), (None, LIFETIME));
        assert_eq!(settings.sts_endpoint.as_str(), "https://sts.googleapis.com/");
        assert_eq!(settings.iam_credentials_endpoint.as_str(), "https://iamcredentials.googleapis.com/");
        assert_eq!(settings.storage_endpoint.as_str(), "https://storage.googleapis.com/");
    }

    #[test]
    fn hosts_follow_the_universe_and_each_may_be_named() {
        let settings = read(&[
            ("CARNET_GOOGLE_AUDIENCE", &PROVIDER.replace("googleapis.com", "apis.example.eu")),
            ("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "apis.example.eu"),
            ("CARNET_GOOGLE_STS_ENDPOINT", "http://127.0.0.1:8080"),
            ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "aws4_request"),
            ("CARNET_GOOGLE_SERVICE_ACCOUNT", ACCOUNT),
            ("CARNET_GOOGLE_DELEGATES", "a@p.iam.gserviceaccount.com, 113057325249898657053"),
            ("CARNET_GOOGLE_TOKEN_LIFETIME_SECONDS", "600"),
        ])
        .unwrap();
        assert_eq!(settings.sts_endpoint.as_str(), "http://127.0.0.1:8080/");
        assert_eq!(settings.storage_endpoint.as_str(), "https://storage.apis.example.eu/");
        assert_eq!(settings.proof, Proof::SignedAwsRequest);
        assert_eq!(settings.delegates, ["a@p.iam.gserviceaccount.com", "113057325249898657053"]);
        assert_eq!(settings.token_lifetime, Duration::from_secs(600));
    }

    #[test]
    fn the_name_with_https_in_front_is_the_same_provider() {
        let with_https = format!("https:{PROVIDER}");
        assert_eq!(read(&[("CARNET_GOOGLE_AUDIENCE", &with_https)]).unwrap().audience, PROVIDER);
    }

    #[test]
    fn what_is_no_full_resource_name_is_refused_before_anything_is_sent() {
        let path = PROVIDER.trim_start_matches("//iam.googleapis.com/");
        let wrong = [
            path.to_owned(),
            format!("/{path}"),
            PROVIDER.replace("123456789012", "my-project"),
            PROVIDER.replace("global", "eu"),
            PROVIDER.replace("//iam.googleapis.com", "//iam.example.com"),
            PROVIDER.replace("aws-one", ""),
            PROVIDER.replace("aws-pool", "Aws_Pool"),
            format!("{PROVIDER}/"),
            format!("http:{PROVIDER}"),
            "//iam.googleapis.com/locations/global/workforcePools/staff/providers/okta".to_owned(),
            "api://AzureADTokenExchange".to_owned(),
        ];
        for audience in wrong {
            let error = read(&[("CARNET_GOOGLE_AUDIENCE", &audience)]).unwrap_err();
            let said = "CARNET_GOOGLE_AUDIENCE: is not a provider's full resource name";
            assert!(error.message().contains(said), "{audience}: {error}");
        }
    }

    #[test]
    fn every_fault_is_reported_together() {
        let error = read(&[
            ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "saml2"),
            ("CARNET_GOOGLE_SERVICE_ACCOUNT", "reader/../x"),
            ("CARNET_GOOGLE_DELEGATES", "not an account"),
            ("CARNET_GOOGLE_TOKEN_LIFETIME_SECONDS", "59"),
            ("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "evil/"),
            ("CARNET_GOOGLE_STS_ENDPOINT", "http://sts.googleapis.com"),
            ("CARNET_GOOGLE_IAM_CREDENTIALS_ENDPOINT", "https://iamcredentials.googleapis.com/v1"),
            ("CARNET_GOOGLE_STORAGE_ENDPOINT", "storage"),
            ("CARNET_SPREADING_WINDOW_SECONDS", "soon"),
        ])
        .unwrap_err();
        for name in [
            "CARNET_GOOGLE_AUDIENCE: is not set",
            "CARNET_GOOGLE_SUBJECT_TOKEN_TYPE",
            "CARNET_GOOGLE_SERVICE_ACCOUNT: is not a service account",
            "CARNET_GOOGLE_DELEGATES: is not a list",
            "CARNET_GOOGLE_TOKEN_LIFETIME_SECONDS",
            "GOOGLE_CLOUD_UNIVERSE_DOMAIN",
            "CARNET_GOOGLE_STS_ENDPOINT",
            "CARNET_GOOGLE_IAM_CREDENTIALS_ENDPOINT",
            "CARNET_GOOGLE_STORAGE_ENDPOINT",
            "CARNET_SPREADING_WINDOW_SECONDS",
        ] {
            assert!(error.message().contains(name), "{name} in {error}");
        }
        let alone = [("CARNET_GOOGLE_AUDIENCE", PROVIDER), ("CARNET_GOOGLE_DELEGATES", ACCOUNT)];
        assert!(read(&alone).unwrap_err().message().contains("CARNET_GOOGLE_DELEGATES: is of no use"));
    }
}
