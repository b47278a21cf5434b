//! Cognito's identity pools.

/// One for all pools and regions.
pub const ISSUER: &str = "https://cognito-identity.amazonaws.com";
