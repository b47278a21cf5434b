//! Google's two token services over real TLS sockets: each answer, and what their tokens say.

#[path = "../clouds/mod.rs"]
mod clouds;
mod exchanges;
mod iam_credentials;
mod proofs;
mod signed_requests;
mod sts;
