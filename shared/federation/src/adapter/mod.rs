//! The clouds' own SDKs, running on a [`Credential`](crate::Credential).

#[cfg(feature = "azure")]
pub mod azure;
#[cfg(feature = "google")]
pub mod google;
