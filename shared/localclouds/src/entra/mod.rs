//! Entra ID: the token endpoint, discovery, keys, and the check of the tokens it gave.
//!
//! | module | what happens there |
//! |---|---|
//! | [`token`] | the token endpoint: one request from form to answer |
//! | [`assertion`] | a client assertion: its shape, trust, time and signature |
//! | `own_credential` | an application's own secrets and certificates |
//! | `access` | access tokens: for which resources, and what they say |
//! | [`answers`] | every refusal, in Microsoft's words and shape |
//! | [`discovery`] | the OpenID document, the keys, the list of clouds |
//! | [`bearer`] | what a resource does with an access token |

pub(crate) mod access;
pub(crate) mod answers;
mod assertion;
mod bearer;
mod discovery;
mod own_credential;
mod token;

pub use bearer::{BearerFault, Caller, check_bearer};

use crate::faults::Hop;
use crate::local::Handle;
use axum::Router;

/// The whole authority, its two hops wrapped in their faults.
pub fn router(handle: Handle) -> Router {
    let faults = handle.faults.clone();
    let token = faults.wrap(Hop::EntraToken, token::router(handle.clone()));
    token.merge(faults.wrap(Hop::EntraDiscovery, discovery::router(handle)))
}
