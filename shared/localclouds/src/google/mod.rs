//! Google Cloud: the security token service and IAM credentials.
//!
//! | module | what it answers |
//! |---|---|
//! | [`sts`] | a proof for a federated token: one request from form to answer |
//! | `proof` | an OIDC token as proof: its header, issuer, times and signature |
//! | `caller_identity` | a signed `GetCallerIdentity` as proof: its form, target and signature |
//! | `refusals` | every refusal of the security token service, in Google's words and shape |
//! | [`accounts`] | the issuer of ID tokens: discovery and keys |
//! | [`iam_credentials`] | a federated token for a service account's |
//! | `api_errors` | refusals of IAM credentials, in the shape of Google's APIs |
//! | [`bearer`] | the access tokens that the two give out |

pub mod accounts;
mod api_errors;
pub mod bearer;
mod caller_identity;
pub mod iam_credentials;
mod proof;
mod refusals;
pub mod sts;
