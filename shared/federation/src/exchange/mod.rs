//! Token services: a proof in, a token out. One file a cloud.

mod answer;
mod entra;
mod google;
mod spreading;

pub use entra::Entra;
pub use google::Google;
