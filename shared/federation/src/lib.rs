//! Mint x exchange: any proof of who we are, traded at any cloud that trusts it.
//!
//! A map of the crate, in the order a request walks it:
//!
//! | module | what happens there |
//! |---|---|
//! | [`config`] | the environment, read once at start; every fault reported together |
//! | [`credential`] | [`Credential`]: asks the cache, else mints and exchanges |
//! | [`cache`] | one flight per scope, wall-clock expiry, no background task |
//! | [`mint`] | proofs: what AWS, Azure, Google, Kubernetes or GitHub says of who we are |
//! | [`exchange`] | trades a proof at a token service for an access token or AWS credentials |
//! | [`http`] | the one client: TLS, bounds, retries, deadlines, clock skew |
//! | [`adapter`] | the clouds' own SDKs, running on a [`Credential`] |
//! | [`error`], [`hints`] | one error type; what to change, and where it is explained |
//! | [`telemetry`] | spans, logs and CloudWatch metrics, never a secret |
//! | [`doctor`] | walks the hops one by one and says where the way ends |
//!
//! Nothing here knows of objects, stores or Lambda events: those call in, nothing calls back up.

pub mod adapter;
pub mod assertion;
pub mod cache;
pub mod config;
pub mod credential;
pub mod deadline;
pub mod doctor;
pub mod error;
pub mod exchange;
pub mod hints;
pub mod http;
pub mod mint;
pub mod telemetry;
pub mod token;

pub use assertion::{Assertion, Audience, Claims, Proof};
pub use credential::{Credential, Exchange, Mint};
pub use error::{Error, Hop, Kind, Result};
pub use mint::{Mints, SecretStore};
pub use token::{AccessToken, AwsCredentials, Expiring, Scope, Secret};

/// The future type of this crate's object-safe traits.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
