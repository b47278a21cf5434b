//! Where a client secret may lie, for those who read it there.

use crate::BoxFuture;
use crate::error::Result;
use crate::token::Secret;

/// Reads stored secrets by their URLs: `keyvault://VAULT/SECRET[/VERSION]`,
/// `secretmanager://PROJECT/SECRET[/VERSION]`, `secretsmanager://NAME`.
pub trait SecretStore: Send + Sync {
    fn read<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Secret>>;
}
