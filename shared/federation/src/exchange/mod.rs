//! Token services: a proof in, a token or credentials out. One file a cloud.

mod aws_role;
mod entra;
pub(crate) mod entra_answer;
mod google;
mod session_name;
mod spreading;
mod unchanged;

pub use aws_role::AwsRole;
pub use entra::Entra;
pub use google::Google;
pub(crate) use session_name::is_valid as is_session_name;
pub use unchanged::Unchanged;
