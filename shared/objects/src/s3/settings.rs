//! What the environment says of buckets.

use carnet_federation::config::{Env, Faults, endpoint};
use reqwest::Url;

#[derive(Clone, Debug, Default)]
pub struct S3Settings {
    /// Instead of the region's own; its buckets are the first segment of the path.
    pub endpoint: Option<Url>,
    /// Of the buckets; `None`: that of the session.
    pub region: Option<String>,
    /// The account that the buckets must belong to.
    pub bucket_owner: Option<String>,
}

impl S3Settings {
    /// | variable | meaning |
    /// |---|---|
    /// | `AWS_ENDPOINT_URL_S3` | instead of the region's endpoint |
    /// | `CARNET_S3_REGION` | the buckets' region, if it is not `AWS_REGION` |
    /// | `CARNET_S3_BUCKET_OWNER` | the account id that the buckets must belong to |
    pub fn read(env: &Env, faults: &mut Faults) -> Option<Self> {
        let mut sound = true;
        let mut fault = |variable, problem| {
            faults.add(variable, problem);
            sound = false;
        };
        let url = env.get("AWS_ENDPOINT_URL_S3").map(endpoint);
        if url == Some(None) {
            fault("AWS_ENDPOINT_URL_S3", "is not an https URL (or http to this machine)");
        }
        let region = env.get("CARNET_S3_REGION");
        // It becomes a part of a host's name.
        let label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if region.is_some_and(|region| !region.chars().all(label)) {
            fault("CARNET_S3_REGION", "is not a region's name, e.g. eu-central-1");
        }
        let owner = env.get("CARNET_S3_BUCKET_OWNER");
        if owner.is_some_and(|id| id.len() != 12 || !id.bytes().all(|b| b.is_ascii_digit())) {
            fault("CARNET_S3_BUCKET_OWNER", "is not an account id of 12 digits");
        }
        sound.then(|| Self {
            endpoint: url.flatten(),
            region: region.map(str::to_owned),
            bucket_owner: owner.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnet_federation::config::gather;

    fn read(pairs: &[(&str, &str)]) -> Result<S3Settings, String> {
        let env: Env = pairs.iter().copied().collect();
        gather(|faults| S3Settings::read(&env, faults)).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_need_be_said() {
        let settings = read(&[]).unwrap();
        assert!(settings.endpoint.is_none() && settings.region.is_none() && settings.bucket_owner.is_none());
    }

    #[test]
    fn every_fault_names_its_variable() {
        let faults = read(&[
            ("AWS_ENDPOINT_URL_S3", "http://s3.example.com"),
            ("CARNET_S3_REGION", "eu.evil/"),
            ("CARNET_S3_BUCKET_OWNER", "12"),
        ])
        .unwrap_err();
        for name in ["AWS_ENDPOINT_URL_S3", "CARNET_S3_REGION", "CARNET_S3_BUCKET_OWNER"] {
            assert!(faults.contains(name), "{name} in {faults}");
        }
    }
}
