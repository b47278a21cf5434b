//! Where vaults are.

use carnet_federation::config::{self, Env, Faults, endpoint};

#[derive(Clone, Debug)]
pub struct KeyVaultSettings {
    /// With `{vault}` in it.
    pub endpoint: String,
    /// What a token for vaults is asked for.
    pub scope: String,
    /// Whether the endpoint is another than that cloud's own.
    pub is_elsewhere: bool,
}

impl KeyVaultSettings {
    /// | variable | meaning |
    /// |---|---|
    /// | `CARNET_AZURE_CLOUD` | `public` (default), `usgovernment`, `china` |
    /// | `CARNET_AZURE_KEY_VAULT_ENDPOINT` | instead of that cloud's vaults, with `{vault}` |
    pub fn read(env: &Env, faults: &mut Faults) -> Option<Self> {
        const NAME: &str = "CARNET_AZURE_KEY_VAULT_ENDPOINT";
        let (cloud, _) = config::entra_host(env, faults)?;
        let suffix = suffix(cloud.name);
        let scope = format!("https://{suffix}/.default");
        let Some(named) = env.get(NAME) else {
            return Some(Self {
                endpoint: format!("https://{{vault}}.{suffix}"),
                scope,
                is_elsewhere: false,
            });
        };
        if !named.contains("{vault}") || endpoint(&named.replace("{vault}", "vault")).is_none() {
            faults.add(NAME, "is not an https URL with {vault} in it");
            return None;
        }
        Some(Self { endpoint: named.trim_end_matches('/').to_owned(), scope, is_elsewhere: true })
    }
}

/// "Azure Key Vault keys, secrets and certificates overview", DNS suffixes.
fn suffix(cloud: &str) -> &'static str {
    match cloud {
        "usgovernment" => "vault.usgovcloudapi.net",
        "china" => "vault.azure.cn",
        _ => "vault.azure.net",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<KeyVaultSettings, String> {
        let env: Env = pairs.iter().copied().collect();
        config::gather(|faults| KeyVaultSettings::read(&env, faults)).map_err(|error| error.to_string())
    }

    #[test]
    fn each_cloud_has_vaults_and_a_scope_of_its_own() {
        let public = read(&[]).unwrap();
        assert_eq!(public.endpoint, "https://{vault}.vault.azure.net");
        assert_eq!(public.scope, "https://vault.azure.net/.default");
        let china = read(&[("CARNET_AZURE_CLOUD", "china")]).unwrap();
        assert_eq!(china.endpoint, "https://{vault}.vault.azure.cn");
        assert_eq!(china.scope, "https://vault.azure.cn/.default");
    }

    #[test]
    fn another_endpoint_names_the_vault() {
        const NAME: &str = "CARNET_AZURE_KEY_VAULT_ENDPOINT";
        assert!(read(&[(NAME, "https://127.0.0.1:1/{vault}/")]).unwrap().is_elsewhere);
        for wrong in ["https://vault.example", "http://{vault}.example", "{vault}"] {
            assert!(read(&[(NAME, wrong)]).unwrap_err().contains(NAME), "{wrong}");
        }
    }
}
