//! The three hops by hand: sign and send one STS request, post one form to Entra, get one blob.
//!
//! This is how little work the job can be with lambda_runtime, reqwest and ring: no SDK, no
//! retries, no checks, no telemetry. `cargo xtask bench` measures what Carnet's care costs
//! against it. Both read the same variables and trust the same roots.

pub mod hops;
pub mod sigv4;
pub mod tls;

/// Anything that went wrong ends the yardstick: it handles no failure.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
