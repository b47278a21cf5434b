//! Entra ID: the token endpoint, discovery, keys, and the check of the tokens it gave.

mod bearer;

pub use bearer::{BearerFault, Caller, check_bearer};
