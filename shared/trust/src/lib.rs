//! The clouds' trust rules, evaluated without I/O, and the one statement they are derived from.
//!
//! | module | what it knows |
//! |---|---|
//! | [`entra`] | federated credentials: issuer, subject and audience against an assertion |
//! | [`google`] | workload identity providers: mapping, condition, limits, grants |
//! | [`aws`] | IAM identity policies: statements, condition operators, the decision |
//! | [`config`] | `carnet.toml`: who may go where, stated once |
//! | [`derive`] | what follows from it: role names, federated credentials, mint policies |
//! | [`render`] | the same as documents: Terraform, commands, JSON |
//!
//! Every rule cites the vendor's document it comes from. The stand-ins enforce with this crate.

pub mod aws;
pub mod config;
pub mod derive;
pub mod entra;
pub mod google;
pub mod render;
