//! The stand-in for S3, asked by a client that knows nothing of the official one: requests are made
//! and signed here.

mod client;
#[path = "../clouds/mod.rs"]
mod clouds;
mod conditions;
mod listing;
mod uploads;
