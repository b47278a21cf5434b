//! The clouds' own SDKs, running on a [`Credential`](crate::Credential).

pub mod azure;
