//! The storage stand-in over sockets: what it lists, what it gives, whom it refuses.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod list;
mod read;
mod service;
