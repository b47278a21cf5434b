//! Lambda's runtime API, with API Gateway's REST request shape in front.

use crate::local::Handle;
use std::collections::BTreeMap;
use std::io;

#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Names of `World::functions` to start; those without a binary are skipped.
    pub functions: Vec<String>,
    /// Whether a caller of the API must sign, as API Gateway's `AWS_IAM` authorizer demands.
    pub check_callers: bool,
}

/// The running functions.
#[derive(Default)]
pub struct Running {
    /// Function name to the base URL of its API.
    pub apis: BTreeMap<String, String>,
}

impl Running {
    pub async fn stop(self) {}
}

/// Called when every other listener answers: `handle.endpoints` is filled.
pub async fn start(_handle: &Handle, _options: &Options) -> io::Result<Running> {
    Ok(Running::default())
}
