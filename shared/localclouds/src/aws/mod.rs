//! AWS: STS, the two IAM calls of outbound federation, the issuer's discovery and keys.
//!
//! | module | what it answers |
//! |---|---|
//! | [`sts`] | `GetWebIdentityToken`, `GetCallerIdentity`, `AssumeRoleWithWebIdentity` |
//! | [`mint`] | the token itself: limits, permissions, claims |
//! | [`web_identity`] | `AssumeRoleWithWebIdentity`: a foreign token for a session of a role |
//! | [`session`] | what a session may: its role's policies, and its own |
//! | [`iam`] | outbound federation: on, off, its issuer |
//! | [`issuer`] | the OpenID discovery document and the keys |
//! | [`query`] | the query protocol that STS and IAM speak: forms in, XML out |
//! | [`sigv4`] | who signed a request, and whether |
//! | [`trail`] | what was asked, by whom |
//!
//! Codes, statuses and shapes are those of AWS's service models. The sentences of the signature
//! errors, of `ValidationError` and of the IAM calls are written from experience and were compared
//! with no document; nothing of ours depends on their words.

pub mod iam;
pub mod issuer;
mod mint;
mod query;
pub(crate) mod session;
pub mod sigv4;
pub mod sts;
pub mod trail;
mod web_identity;
