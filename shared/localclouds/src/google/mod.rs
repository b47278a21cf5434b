//! Google Cloud: the security token service and IAM credentials.
//!
//! | module | what it answers |
//! |---|---|
//! | [`sts`] | a proof for a federated token |
//! | [`iam_credentials`] | a federated token for a service account's |
//! | [`bearer`] | the access tokens that the two give out |

pub mod bearer;
pub mod iam_credentials;
pub mod sts;
