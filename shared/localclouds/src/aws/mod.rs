//! AWS: STS, the two IAM calls of outbound federation, the issuer's discovery and keys.
//!
//! | module | what it answers |
//! |---|---|
//! | [`sts`] | `GetWebIdentityToken`, `GetCallerIdentity` |
//! | [`mint`] | the token itself: limits, permissions, claims |
//! | [`iam`] | outbound federation: on, off, its issuer |
//! | [`issuer`] | the OpenID discovery document and the keys |
//! | [`query`] | the query protocol that STS and IAM speak: forms in, XML out |
//! | [`sigv4`] | who signed a request, and whether |

pub mod iam;
pub mod issuer;
mod mint;
mod query;
pub mod sigv4;
pub mod sts;
