//! AWS: STS, the two IAM calls of outbound federation, the issuer's discovery and keys.

pub mod sigv4;
