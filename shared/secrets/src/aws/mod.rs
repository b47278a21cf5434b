//! AWS Secrets Manager, over the official `aws-sdk-secretsmanager` on the shared HTTP client.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | [`SecretsManager`]: the secrets of one account and region |
//! | `errors` | the SDK's errors as ours |

mod errors;

use crate::secret::{Reading, State, Value, Version};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::Builder;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::primitives::Blob;
use aws_sdk_secretsmanager::types::Tag;
use carnet_federation::http::Http;
use carnet_federation::mint::AwsSession;
use carnet_federation::{Error, Hop, Kind, Result, Secret, hints};
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;
use zeroize::Zeroizing;

/// "GetSecretValue": 65,536 bytes, which JSON may write six times as long.
const LIMIT: usize = 448 << 10;
const CURRENT: &str = "AWSCURRENT";

pub struct SecretsManager {
    client: Client,
}

/// A secret as it is kept, without its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The id of the version that has `AWSCURRENT`.
    pub current: Option<String>,
    /// Ids of the versions that have a stage.
    pub staged: BTreeSet<String>,
    pub tags: BTreeMap<String, String>,
    pub created: Option<SystemTime>,
    pub is_deleted: bool,
}

/// A version to be.
pub struct NewVersion<'a> {
    pub name: &'a str,
    /// Becomes the version's id.
    pub token: &'a str,
    pub value: &'a Value,
}

impl SecretsManager {
    /// `AWS_ENDPOINT_URL_SECRETS_MANAGER` says where it is, if it is not the region's.
    pub fn new(http: &Http, session: &AwsSession) -> Result<Self> {
        session.region()?;
        let config = Builder::from(session.config()).http_client(http.aws_services(LIMIT)).build();
        Ok(Self { client: Client::from_conf(config) })
    }

    pub fn target(name: &str) -> String {
        format!("secret {name} of Secrets Manager")
    }

    /// `None` if there is no such secret.
    pub async fn describe(&self, hop: Hop, name: &str) -> Result<Option<Kept>> {
        let asked = self.client.describe_secret().secret_id(name).send().await;
        match asked.map_err(|error| errors::explain(hop, name, error)) {
            Ok(answer) => Ok(Some(kept(&answer))),
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The current version.
    pub async fn read(&self, name: &str) -> Result<Reading> {
        let asked = self.client.get_secret_value().secret_id(name).send().await;
        let answer = asked.map_err(|error| errors::explain(Hop::Read, name, error))?;
        let malformed =
            |why: &str| Error::new(Hop::Read, Kind::Malformed, Self::target(name), format!("it {why}"));
        let value = match (answer.secret_string, answer.secret_binary) {
            (Some(text), _) => Value::Text(Secret::new(text)),
            (None, Some(bytes)) => Value::Binary(Zeroizing::new(bytes.into_inner())),
            (None, None) => return Err(malformed("has no value")),
        };
        let version = Version {
            id: answer.version_id.ok_or_else(|| malformed("has no version"))?,
            created: answer.created_date.and_then(|at| SystemTime::try_from(at).ok()),
            content_type: None,
            state: State::Enabled,
        };
        Ok(Reading { version, value })
    }

    /// Puts a version. Whether it is the current one now: the same call made again puts nothing, and
    /// moves no stage.
    pub async fn put(&self, new: &NewVersion<'_>) -> Result<bool> {
        let request = self.client.put_secret_value().secret_id(new.name).client_request_token(new.token);
        let request = match new.value {
            Value::Text(text) => request.secret_string(text.expose()),
            Value::Binary(bytes) => request.secret_binary(Blob::new(bytes.as_slice())),
        };
        let answer = request.send().await.map_err(|error| errors::explain(Hop::Write, new.name, error))?;
        Ok(answer.version_stages().iter().any(|stage| stage == CURRENT))
    }

    /// Makes the secret with its first version and its tags.
    pub async fn create(
        &self,
        new: &NewVersion<'_>,
        tags: &BTreeMap<String, String>,
        kms_key: Option<&str>,
    ) -> Result<()> {
        let request = self
            .client
            .create_secret()
            .name(new.name)
            .client_request_token(new.token)
            .set_tags(Some(sdk_tags(tags)))
            .set_kms_key_id(kms_key.map(str::to_owned));
        let request = match new.value {
            Value::Text(text) => request.secret_string(text.expose()),
            Value::Binary(bytes) => request.secret_binary(Blob::new(bytes.as_slice())),
        };
        request.send().await.map(drop).map_err(|error| errors::explain(Hop::Write, new.name, error))
    }

    pub async fn tag(&self, name: &str, tags: &BTreeMap<String, String>) -> Result<()> {
        let request = self.client.tag_resource().secret_id(name).set_tags(Some(sdk_tags(tags)));
        request.send().await.map(drop).map_err(|error| errors::explain(Hop::Write, name, error))
    }
}

/// What is asked for, and is not there.
pub(crate) fn missing(hop: Hop, name: &str) -> Error {
    Error::new(hop, Kind::NotFound, SecretsManager::target(name), "there is no such secret")
        .with_hint(&hints::SECRETS_MANAGER_MISSING)
}

/// What nothing can be written to until somebody brings it back.
pub(crate) fn deleted(hop: Hop, name: &str) -> Error {
    Error::new(hop, Kind::Forbidden, SecretsManager::target(name), "the secret is scheduled for deletion")
        .with_hint(&hints::SECRETS_MANAGER_DELETED)
}

fn sdk_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn kept(answer: &DescribeSecretOutput) -> Kept {
    let none = Default::default();
    let stages = answer.version_ids_to_stages().unwrap_or(&none);
    let has_current = |(_, stages): &(&String, &Vec<String>)| stages.iter().any(|stage| stage == CURRENT);
    let pairs = answer.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
    Kept {
        current: stages.iter().find(has_current).map(|(id, _)| id.clone()),
        staged: stages.iter().filter(|(_, stages)| !stages.is_empty()).map(|(id, _)| id.clone()).collect(),
        tags: pairs.collect(),
        created: answer.created_date().and_then(|at| SystemTime::try_from(*at).ok()),
        is_deleted: answer.deleted_date().is_some(),
    }
}
