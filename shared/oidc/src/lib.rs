//! Tokens that others present to us, verified: the way in, as `carnet-federation` is the way out.
//!
//! | module | what happens there |
//! |---|---|
//! | [`token`] | a JWT taken apart, within bounds; nothing of it is believed |
//! | [`issuer`] | an issuer's discovery document and keys, kept by the wall clock |
//! | [`verifier`] | signature, issuer, time, audience, subject: all of them, or no |
//!
//! The check is made of ring's primitives, which TLS brings along anyway. A JWT library would add its
//! defaults (which claims it insists on, a leeway, algorithms of its own) that all would have to be
//! switched off again, and a second place to look at; what is left of it here is some lines.

pub mod issuer;
pub mod token;
pub mod verifier;

pub use issuer::{Issuer, printable};
pub use token::Token;
pub use verifier::{Identity, Verified, Verifier};
