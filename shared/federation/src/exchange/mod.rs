//! Token services: a proof in, a token out. One file a cloud.

mod entra;

pub use entra::Entra;
