//! The environment of this function, and what is made of it.

use crate::sync::SecretSync;
use carnet_federation::Result;
use carnet_federation::config::{self, Env, Faults};
use carnet_secrets::{Pair, SecretUrl, Settings as Services};

pub struct Settings {
    pairs: Vec<Pair>,
    services: Services,
    create: bool,
    kms_key: Option<String>,
}

/// What the ways to Azure and Google need, as far as a pair begins there, and
///
/// | variable | meaning |
/// |---|---|
/// | `CARNET_SECRETS` | pairs, `keyvault://vault/a=secretsmanager://x`, separated by commas |
/// | `CARNET_SECRETS_CREATE` | `true`: a secret that is missing is made; default `false` |
/// | `CARNET_SECRETS_KMS_KEY_ID` | the key of one that is made; without it AWS's own |
///
/// Every fault of these is reported, together.
pub fn read(env: &Env) -> Result<Settings> {
    config::gather(|faults| {
        let pairs = Pair::read_all(env, faults);
        let create = create(env, faults);
        let urls = urls(pairs.as_deref().unwrap_or_default());
        let services = Services::read(env, &urls, faults);
        Some(Settings {
            services: services?,
            pairs: pairs?,
            create: create?,
            kms_key: env.get("CARNET_SECRETS_KMS_KEY_ID").map(str::to_owned),
        })
    })
}

fn create(env: &Env, faults: &mut Faults) -> Option<bool> {
    const NAME: &str = "CARNET_SECRETS_CREATE";
    match env.get(NAME) {
        None | Some("false") => Some(false),
        Some("true") => Some(true),
        Some(_) => {
            faults.add(NAME, "is neither true nor false");
            None
        }
    }
}

/// Both ends of each.
fn urls(pairs: &[Pair]) -> Vec<SecretUrl> {
    let ends = |pair: &Pair| [pair.from.clone(), SecretUrl::SecretsManager(pair.to.clone())];
    pairs.iter().flat_map(ends).collect()
}

impl Settings {
    pub async fn open(self, env: &Env) -> Result<SecretSync> {
        let Self { pairs, services, create, kms_key } = self;
        Ok(SecretSync { secrets: services.open(env).await?, pairs, create, kms_key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(pairs: &[(&str, &str)]) -> String {
        match read(&pairs.iter().copied().collect()) {
            Ok(_) => String::new(),
            Err(error) => error.message().to_owned(),
        }
    }

    #[test]
    fn every_fault_is_reported_together() {
        let wrong = faults(&[
            (
                "CARNET_SECRETS",
                "keyvault://carnet-demo/a=secretsmanager://a,secretmanager://carnet-demo/b=secretsmanager://b",
            ),
            ("CARNET_SECRETS_CREATE", "yes"),
            ("CARNET_AZURE_KEY_VAULT_ENDPOINT", "https://vault.example"),
        ]);
        for name in [
            "CARNET_SECRETS_CREATE",
            "CARNET_AZURE_KEY_VAULT_ENDPOINT",
            "AZURE_TENANT_ID",
            "AZURE_CLIENT_ID",
            "CARNET_GOOGLE_AUDIENCE",
        ] {
            assert!(wrong.contains(name), "{name} in {wrong}");
        }
        assert!(faults(&[]).contains("CARNET_SECRETS"));
    }

    #[test]
    fn only_the_clouds_that_pairs_begin_in_are_asked_for() {
        let azure = [
            ("CARNET_SECRETS", "keyvault://carnet-demo/a=secretsmanager://a"),
            ("AZURE_TENANT_ID", "11111111-2222-4333-8444-555555555555"),
            ("AZURE_CLIENT_ID", "aaaaaaaa-1111-4222-8333-444444444444"),
        ];
        assert_eq!(faults(&azure), "");
    }
}
