//! Secrets of other clouds: read with the same credentials as objects are, and copied into AWS Secrets
//! Manager. A value is never shown, logged or put into an error.
//!
//! | module | what happens there |
//! |---|---|
//! | [`url`] | where a secret lies, checked |
//! | [`secret`] | a version, and a value that is never shown |
//! | [`source`] | [`SecretSource`]: what Key Vault and Secret Manager have in common |
//! | [`azure`], [`google`] | the two, each with its cloud's errors |
//! | [`aws`] | Secrets Manager: read, put, create |
//! | [`secrets`] | all three, opened from the environment |
//! | [`pairs`] | which secret is copied to which |
//! | [`copy`] | copying: what is decided, and what is left to people |
//!
//! Clients. Key Vault is read over Microsoft's own, which takes our HTTP client and brings nothing that
//! `azure_core` has not brought already. Secret Manager is read over its REST API on that same client.
//! Google's own takes none: it would bring a second one, its roots and some thirty more crates for
//! two calls. Secrets Manager is written over AWS's own client, without
//! the HTTP and TLS stack that is its default.

pub mod aws;
pub mod azure;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod copy;
pub mod google;
pub mod pairs;
pub mod secret;
pub mod secrets;
pub mod source;
pub mod url;

pub use copy::{Copier, Outcome, Row};
pub use pairs::Pair;
pub use secret::{Reading, State, Value, Version};
pub use secrets::{Secrets, Settings, StoredSecrets};
pub use source::SecretSource;
pub use url::{Held, InvalidSecretUrl, SecretUrl};
