//! The environment, read once at start. Every fault is reported, together, each naming its variable.
//!
//! | module | reads |
//! |---|---|
//! | `azure` | the way to Azure: tenant, client id, that cloud's hosts |
//! | `google` | the way to Google: the provider's name, a service account, hosts |
//! | `external_account` | the file that `gcloud` writes for Google's own libraries |
//! | `aws_role` | the way into AWS: role, session |
//! | `mint` | where proofs come from, and what that mint has to know |

mod aws_role;
mod azure;
mod external_account;
mod google;
mod mint;

pub use aws_role::{AwsRoleSettings, aws_audience};
pub use azure::{AZURE_CLOUDS, AzureCloud, AzureSettings, entra_host, exchange_audience, is_guid};
pub use google::GoogleSettings;
pub use mint::MintKind;
pub(crate) use mint::mint_options;

use crate::error::{Error, Hop, Kind, Result};
use crate::hints;
use reqwest::Url;
use std::collections::HashMap;

/// A snapshot of the environment. An empty variable counts as unset.
#[derive(Clone, Default)]
pub struct Env(HashMap<String, String>);

impl Env {
    pub fn from_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// With a value for a variable that is not set.
    pub fn or(mut self, name: &str, value: &str) -> Self {
        if self.get(name).is_none() {
            self.0.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// With another value for a variable, whether it is set or not.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Faults found so far: variable, what is wrong, what to do.
#[derive(Debug, Default)]
pub struct Faults(Vec<String>);

impl Faults {
    pub fn add(&mut self, variable: &str, problem: &str) {
        let fault = format!("{variable}: {problem}");
        // A variable that both clouds' settings read is reported once.
        if !self.0.contains(&fault) {
            self.0.push(fault);
        }
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    /// One error for all of them, or none.
    pub fn into_result(self) -> Result<()> {
        match self.0.as_slice() {
            [] => Ok(()),
            faults => Err(Error::new(Hop::Config, Kind::NotConfigured, "environment", faults.join("; "))
                .with_hint(&hints::CONFIGURATION)),
        }
    }
}

/// What `read` makes of the environment, or every fault it found in one error.
pub fn gather<T>(read: impl FnOnce(&mut Faults) -> Option<T>) -> Result<T> {
    let mut faults = Faults::default();
    let settings = read(&mut faults);
    faults.into_result()?;
    // Whoever answers `None` adds a fault, so there are settings; an error all the same.
    settings.ok_or_else(|| {
        Error::new(Hop::Config, Kind::NotConfigured, "environment", "the settings are incomplete")
    })
}

/// An https URL, or http to this machine.
pub fn endpoint(text: &str) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    (crate::http::guard::check(&url).is_ok() && url.has_host() && url.query().is_none()).then_some(url)
}

fn spreading_window(env: &Env, faults: &mut Faults) -> std::time::Duration {
    const NAME: &str = "CARNET_SPREADING_WINDOW_SECONDS";
    let seconds = match env.get(NAME).map(str::parse::<u64>) {
        None => 3,
        Some(Ok(seconds @ 0..=600)) => seconds,
        Some(_) => {
            faults.add(NAME, "is not a number of seconds from 0 to 600");
            0
        }
    };
    std::time::Duration::from_secs(seconds)
}
