//! Rows about secrets: Key Vault, Secret Manager, Secrets Manager.

use super::{Hint, hint, plain};

pub static KEY_VAULT_FORBIDDEN: Hint = hint(
    "key-vault-forbidden",
    "role assignment",
    "assign Key Vault Secrets User on the secret or its vault to this identity, then wait up to 10 minutes",
);
pub static KEY_VAULT_FIREWALL: Hint = hint(
    "key-vault-firewall",
    "network rules",
    "let this network through the vault's firewall, or use a private endpoint",
);
pub static KEY_VAULT_NOT_FOUND: Hint = plain(
    "key-vault-not-found",
    "check the secret's name and version in the URL; a deleted one can be recovered",
);
pub static KEY_VAULT_UNAUTHENTICATED: Hint = hint(
    "key-vault-unauthenticated",
    "access token",
    "the vault does not accept the token: check the vault's tenant, CARNET_AZURE_CLOUD and the clock",
);
pub static VAULT_UNREACHABLE: Hint = hint(
    "key-vault-unreachable",
    "vault",
    "check the vault's name: one that does not exist has no address. Else check the way out of this network",
);
pub static VAULT_CHALLENGE: Hint = plain(
    "key-vault-challenge",
    "something else answers in the vault's place: check CARNET_AZURE_CLOUD and CARNET_AZURE_KEY_VAULT_ENDPOINT",
);
pub static SECRET_NOT_USABLE: Hint = plain(
    "secret-not-usable",
    "enable the version at its source, renew it, or put a new one there; nothing was copied",
);
pub static SECRETS_THROTTLED: Hint =
    plain("secrets-throttled", "the service asks for fewer calls: copy less often, or fewer secrets at once");
pub static SECRET_MANAGER_FORBIDDEN: Hint = hint(
    "secret-manager-forbidden",
    "IAM grant",
    "grant roles/secretmanager.secretAccessor on the secret to read it, and roles/secretmanager.viewer to see which version is current",
);
pub static SECRET_MANAGER_NOT_FOUND: Hint = plain(
    "secret-manager-not-found",
    "check project, secret and version in the URL; a secret without a version has nothing to read",
);
pub static SECRET_MANAGER_DISABLED: Hint =
    plain("secret-manager-api", "enable the Secret Manager API in the project: secretmanager.googleapis.com");
pub static SECRET_CHECKSUM: Hint =
    plain("secret-checksum", "the value did not arrive as Secret Manager keeps it: nothing of it was used");
pub static SECRETS_MANAGER_DENIED: Hint = hint(
    "secrets-manager-denied",
    "role's policy",
    "allow the call on this secret in the role's policy, and the key's use if it has a key of its own",
);
pub static SECRETS_MANAGER_MISSING: Hint = plain(
    "secrets-manager-missing",
    "make the secret first, or set CARNET_SECRETS_CREATE=true to have it made",
);
pub static SECRETS_MANAGER_DELETED: Hint = plain(
    "secrets-manager-deleted",
    "it is scheduled for deletion: bring it back (aws secretsmanager restore-secret), or take it out of the list",
);
pub static SECRETS_MANAGER_REFUSED: Hint =
    plain("secrets-manager-refused", "Secrets Manager does not take the call: its code says why");

pub(super) fn all() -> impl Iterator<Item = &'static Hint> {
    [
        &KEY_VAULT_FORBIDDEN,
        &KEY_VAULT_FIREWALL,
        &KEY_VAULT_NOT_FOUND,
        &KEY_VAULT_UNAUTHENTICATED,
        &VAULT_UNREACHABLE,
        &VAULT_CHALLENGE,
        &SECRET_NOT_USABLE,
        &SECRETS_THROTTLED,
        &SECRET_MANAGER_FORBIDDEN,
        &SECRET_MANAGER_NOT_FOUND,
        &SECRET_MANAGER_DISABLED,
        &SECRET_CHECKSUM,
        &SECRETS_MANAGER_DENIED,
        &SECRETS_MANAGER_MISSING,
        &SECRETS_MANAGER_DELETED,
        &SECRETS_MANAGER_REFUSED,
    ]
    .into_iter()
}
