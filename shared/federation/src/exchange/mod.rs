//! Token services: a proof in, a token out. One file a cloud.

mod entra;
mod google;

pub use entra::Entra;
pub use google::Google;
