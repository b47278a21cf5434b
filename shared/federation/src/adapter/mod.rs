//! The clouds' own SDKs, running on a [`Credential`](crate::Credential).

pub mod aws;
#[cfg(feature = "azure")]
pub mod azure;
#[cfg(feature = "google")]
pub mod google;
