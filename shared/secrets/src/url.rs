//! Where a secret lies: `keyvault://VAULT/SECRET[/VERSION]`, `secretmanager://PROJECT/SECRET[/VERSION]` or
//! `secretsmanager://NAME`.
//!
//! Every name becomes a part of a host or of a path, so each is checked against its service's own rules
//! before anything is sent, and needs no encoding afterwards.

use std::fmt;
use std::str::FromStr;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretUrl {
    /// Azure Key Vault.
    KeyVault(Held),
    /// Google Secret Manager.
    SecretManager(Held),
    /// AWS Secrets Manager, by the secret's name.
    SecretsManager(String),
}

/// A secret of a vault or project, current or in one version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// The vault's name, or the project's id or number.
    pub holder: String,
    pub name: String,
    /// `None` is the current one.
    pub version: Option<String>,
}

/// What is wrong with a secret's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidSecretUrl {
    NotASecret,
    Vault,
    KeyVaultSecret,
    KeyVaultVersion,
    Project,
    SecretManagerSecret,
    SecretManagerVersion,
    SecretsManagerName,
}

impl Held {
    /// The same secret in one version.
    pub fn at(&self, version: &str) -> Self {
        Self { version: Some(version.to_owned()), ..self.clone() }
    }
}

impl SecretUrl {
    /// The same secret, whichever version.
    pub fn without_version(&self) -> Self {
        let current = |held: &Held| Held { version: None, ..held.clone() };
        match self {
            Self::KeyVault(held) => Self::KeyVault(current(held)),
            Self::SecretManager(held) => Self::SecretManager(current(held)),
            Self::SecretsManager(name) => Self::SecretsManager(name.clone()),
        }
    }

    /// The same secret in one version, where secrets are named with one.
    pub fn at(&self, version: &str) -> Self {
        match self {
            Self::KeyVault(held) => Self::KeyVault(held.at(version)),
            Self::SecretManager(held) => Self::SecretManager(held.at(version)),
            Self::SecretsManager(name) => Self::SecretsManager(name.clone()),
        }
    }

    pub fn version(&self) -> Option<&str> {
        match self {
            Self::KeyVault(held) | Self::SecretManager(held) => held.version.as_deref(),
            Self::SecretsManager(_) => None,
        }
    }
}

impl FromStr for SecretUrl {
    type Err = InvalidSecretUrl;

    fn from_str(url: &str) -> Result<Self, InvalidSecretUrl> {
        match url.split_once("://") {
            Some(("keyvault", rest)) => key_vault(rest).map(Self::KeyVault),
            Some(("secretmanager", rest)) => secret_manager(rest).map(Self::SecretManager),
            Some(("secretsmanager", name)) if is_secrets_manager_name(name) => {
                Ok(Self::SecretsManager(name.to_owned()))
            }
            Some(("secretsmanager", _)) => Err(InvalidSecretUrl::SecretsManagerName),
            _ => Err(InvalidSecretUrl::NotASecret),
        }
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, held) = match self {
            Self::KeyVault(held) => ("keyvault", held),
            Self::SecretManager(held) => ("secretmanager", held),
            Self::SecretsManager(name) => return write!(f, "secretsmanager://{name}"),
        };
        write!(f, "{scheme}://{}/{}", held.holder, held.name)?;
        held.version.iter().try_for_each(|version| write!(f, "/{version}"))
    }
}

impl fmt::Display for InvalidSecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotASecret => {
                "is not the URL of a secret: keyvault://VAULT/SECRET[/VERSION], \
                 secretmanager://PROJECT/SECRET[/VERSION] or secretsmanager://NAME"
            }
            Self::Vault => {
                "names no vault: 3 to 24 letters, digits and single hyphens, a letter first and no hyphen last"
            }
            Self::KeyVaultSecret => "names no secret of Key Vault: 1 to 127 letters, digits and hyphens",
            Self::KeyVaultVersion => "names no version of Key Vault: 32 letters and digits",
            Self::Project => {
                "names no project: its number, or its id of 6 to 30 small letters, digits and hyphens"
            }
            Self::SecretManagerSecret => {
                "names no secret of Secret Manager: 1 to 255 letters, digits, hyphens and underscores"
            }
            Self::SecretManagerVersion => "names no version of Secret Manager: a number from 1, or latest",
            Self::SecretsManagerName => {
                "names no secret of Secrets Manager: 1 to 512 letters, digits and /_+=.@-"
            }
        })
    }
}

impl std::error::Error for InvalidSecretUrl {}

fn key_vault(rest: &str) -> Result<Held, InvalidSecretUrl> {
    let (vault, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let (name, version) = split_version(rest);
    if !is_vault(vault) {
        return Err(InvalidSecretUrl::Vault);
    }
    if !is_key_vault_secret(name) {
        return Err(InvalidSecretUrl::KeyVaultSecret);
    }
    if version.is_some_and(|version| version.len() != 32 || !version.bytes().all(alphanumeric)) {
        return Err(InvalidSecretUrl::KeyVaultVersion);
    }
    Ok(held(vault, name, version))
}

fn secret_manager(rest: &str) -> Result<Held, InvalidSecretUrl> {
    let (project, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let (name, version) = split_version(rest);
    if !is_project(project) {
        return Err(InvalidSecretUrl::Project);
    }
    if !is_secret_manager_secret(name) {
        return Err(InvalidSecretUrl::SecretManagerSecret);
    }
    let version = version.filter(|version| *version != "latest");
    let is_number = |text: &str| text.parse::<u64>().is_ok_and(|number| number > 0 && !text.starts_with('+'));
    if version.is_some_and(|version| !is_number(version)) {
        return Err(InvalidSecretUrl::SecretManagerVersion);
    }
    Ok(held(project, name, version))
}

fn split_version(rest: &str) -> (&str, Option<&str>) {
    rest.split_once('/').map_or((rest, None), |(name, version)| (name, Some(version)))
}

fn held(holder: &str, name: &str, version: Option<&str>) -> Held {
    Held { holder: holder.to_owned(), name: name.to_owned(), version: version.map(str::to_owned) }
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// "Azure Key Vault keys, secrets and certificates overview", vault name and object name.
fn is_vault(text: &str) -> bool {
    let bytes = text.as_bytes();
    (3..=24).contains(&bytes.len())
        && bytes[0].is_ascii_alphabetic()
        && bytes.last().copied().is_some_and(alphanumeric)
        && bytes.iter().all(|byte| alphanumeric(*byte) || *byte == b'-')
        && !text.contains("--")
}

fn is_key_vault_secret(text: &str) -> bool {
    (1..=127).contains(&text.len()) && text.bytes().all(|byte| alphanumeric(byte) || byte == b'-')
}

/// "Creating and managing projects": a number, or an id.
fn is_project(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_number = !bytes.is_empty() && bytes.len() <= 20 && bytes.iter().all(u8::is_ascii_digit);
    let of_id = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    let is_id = (6..=30).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes.iter().all(of_id)
        && !text.ends_with('-');
    is_number || is_id
}

/// "Create a secret" (Secret Manager): the secret's id.
fn is_secret_manager_secret(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|byte| alphanumeric(byte) || byte == b'-' || byte == b'_')
}

/// "CreateSecret" (AWS Secrets Manager): `Name`.
fn is_secrets_manager_name(text: &str) -> bool {
    (1..=512).contains(&text.len())
        && text.bytes().all(|byte| alphanumeric(byte) || b"/_+=.@-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        for url in [
            "keyvault://carnet-demo/db-password",
            "keyvault://carnet-demo/db-password/0123456789abcdef0123456789ABCDEF",
            "secretmanager://carnet-demo/db_password",
            "secretmanager://210987654321/db-password/12",
            "secretsmanager://carnet/db-password+a=b@c.d_e",
        ] {
            assert_eq!(url.parse::<SecretUrl>().unwrap().to_string(), url);
        }
        let latest: SecretUrl = "secretmanager://carnet-demo/key/latest".parse().unwrap();
        assert_eq!(latest.to_string(), "secretmanager://carnet-demo/key");
    }

    #[test]
    fn what_no_service_would_take_is_refused_by_name() {
        use InvalidSecretUrl::*;
        let long = "x".repeat(128);
        for (url, why) in [
            ("vault/secret", NotASecret),
            ("https://carnet.vault.azure.net/secrets/a", NotASecret),
            ("KEYVAULT://carnet/a", NotASecret),
            ("keyvault://ab/a", Vault),
            ("keyvault://1carnet/a", Vault),
            ("keyvault://carnet-/a", Vault),
            ("keyvault://car--net/a", Vault),
            ("keyvault://carnet.evil.example/a", Vault),
            ("keyvault://carnet@evil/a", Vault),
            ("keyvault://carnet", KeyVaultSecret),
            ("keyvault://carnet/", KeyVaultSecret),
            ("keyvault://carnet/a_b", KeyVaultSecret),
            ("keyvault://carnet/a%2fb", KeyVaultSecret),
            (&format!("keyvault://carnet/{long}"), KeyVaultSecret),
            ("keyvault://carnet/a/", KeyVaultVersion),
            ("keyvault://carnet/a/1", KeyVaultVersion),
            ("keyvault://carnet/a/0123456789abcdef0123456789abcdef/b", KeyVaultVersion),
            ("secretmanager://Carnet-Demo/a", Project),
            ("secretmanager://a..b/a", Project),
            ("secretmanager://carnet-demo/a.b", SecretManagerSecret),
            ("secretmanager://carnet-demo/a/0", SecretManagerVersion),
            ("secretmanager://carnet-demo/a/+1", SecretManagerVersion),
            ("secretmanager://carnet-demo/a/..", SecretManagerVersion),
            ("secretmanager://carnet-demo/a/1:access", SecretManagerVersion),
            ("secretsmanager://", SecretsManagerName),
            ("secretsmanager://a b", SecretsManagerName),
            ("secretsmanager://a?b", SecretsManagerName),
            (&format!("secretsmanager://{}", "x".repeat(513)), SecretsManagerName),
        ] {
            assert_eq!(url.parse::<SecretUrl>(), Err(why), "{url}");
        }
    }
}
