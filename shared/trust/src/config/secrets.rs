//! Secrets that are copied into AWS Secrets Manager.

use std::collections::BTreeMap;
use std::fmt;

/// Which secret is copied to which, by one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Name in Secrets Manager to where it comes from.
    pub copies: BTreeMap<String, StoredSecret>,
}

/// A secret of another cloud, whichever version is current.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoredSecret {
    /// `keyvault://vault/name`
    KeyVault { vault: String, name: String },
    /// `secretmanager://project/name`
    SecretManager { project: String, name: String },
}

impl Secrets {
    /// What copies them, with a role of its own.
    pub const FUNCTION: &str = "secret-sync";

    /// `source=secretsmanager://name`, separated by commas: `CARNET_SECRETS`.
    pub fn pairs(&self) -> String {
        let pairs = self.copies.iter().map(|(to, from)| format!("{from}=secretsmanager://{to}"));
        pairs.collect::<Vec<_>>().join(",")
    }
}

impl fmt::Display for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoredSecret::KeyVault { vault, name } => write!(f, "keyvault://{vault}/{name}"),
            StoredSecret::SecretManager { project, name } => write!(f, "secretmanager://{project}/{name}"),
        }
    }
}

/// The URL of a secret, of no version.
pub(super) fn stored(url: &str) -> Result<StoredSecret, (String, String)> {
    let fix = "give keyvault://VAULT/SECRET or secretmanager://PROJECT/SECRET";
    let wrong = |problem: &str| Err((problem.to_owned(), fix.to_owned()));
    let (scheme, rest) = url.split_once("://").unwrap_or(("", ""));
    let (holder, name) = rest.split_once('/').unwrap_or((rest, ""));
    let dashed = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match scheme {
        // "Azure Key Vault keys, secrets and certificates overview".
        "keyvault" if !is_vault(holder) => wrong(
            "not a vault's name (3-24 letters, digits and single hyphens, a letter first, no hyphen last)",
        ),
        "keyvault" if !(1..=127).contains(&name.len()) || !dashed(name) => {
            wrong("not a secret of Key Vault (1-127 letters, digits and hyphens)")
        }
        "keyvault" => Ok(StoredSecret::KeyVault { vault: holder.to_owned(), name: name.to_owned() }),
        // "Creating and managing projects"; "Create a secret".
        "secretmanager" if !is_project(holder) => {
            wrong("not a project's number or id (6-30 small letters, digits and hyphens)")
        }
        "secretmanager" if !(1..=255).contains(&name.len()) || !name.split('_').all(dashed) => {
            wrong("not a secret of Secret Manager (1-255 letters, digits, hyphens and underscores)")
        }
        "secretmanager" => {
            Ok(StoredSecret::SecretManager { project: holder.to_owned(), name: name.to_owned() })
        }
        _ => wrong("not the URL of a secret"),
    }
}

/// "CreateSecret" (AWS Secrets Manager).
pub(super) fn is_kept_name(name: &str) -> bool {
    (1..=512).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+=.@-".contains(&b))
}

fn is_vault(name: &str) -> bool {
    let bytes = name.as_bytes();
    (3..=24).contains(&bytes.len())
        && bytes[0].is_ascii_alphabetic()
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && !name.ends_with('-')
        && !name.contains("--")
}

fn is_project(name: &str) -> bool {
    let bytes = name.as_bytes();
    let is_number = (1..=20).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_digit);
    let is_id = (6..=30).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        && !name.ends_with('-');
    is_number || is_id
}
