//! Copying one secret: what is decided, and what is left to people.
//!
//! A version of the source becomes one version here, and its id says which: it is made of the source's
//! name, version and time of creation, and goes with the value as the call's `ClientRequestToken`. So
//! whether a version has been copied is read from the secret itself, in the call that lists its stages, and
//! the same copy made twice is one. Nothing is kept elsewhere that could disagree with it.
//!
//! `PutSecretValue` moves `AWSCURRENT` to the new version and `AWSPREVIOUS` to the one before. What else is
//! known of a version (source, version there, content type) is written into tags afterwards, for people and
//! programs. Tags belong to the secret, not to a version, so they name the version they are about, and each
//! run sets right what a run before could not. (Staging labels would belong to a version. But a version that
//! has one is never removed, and a secret has 20 labels at most.)
//!
//! If a version that was copied is there and is not the current one, somebody has moved `AWSCURRENT` back, or
//! has put a value by hand. That stays until the source has another version.

use crate::aws::{Kept, NewVersion, deleted, missing};
use crate::pairs::Pair;
use crate::secret::{State, Version};
use crate::secrets::Secrets;
use carnet_federation::{Error, Hop, Kind, Result, hints, telemetry};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::time::SystemTime;

const SOURCE: &str = "carnet:source";
const SOURCE_VERSION: &str = "carnet:source-version";
/// Which version of the secret the tags are about.
const VERSION_ID: &str = "carnet:version-id";
pub(crate) const CONTENT_TYPE: &str = "carnet:content-type";

/// "TagResource" (Secrets Manager): the length of a value.
const LONGEST_TAG: usize = 256;

pub struct Copier<'a> {
    pub secrets: &'a Secrets,
    /// Whether a secret that is missing is made.
    pub create: bool,
    /// The key of a secret that is made; without one AWS's own.
    pub kms_key: Option<&'a str>,
    /// Decides, and writes nothing.
    pub dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Created,
    Copied,
    Unchanged,
    /// The version was copied before, and somebody has made another one current.
    KeptBack,
    Failed,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Copied => "copied",
            Self::Unchanged => "unchanged",
            Self::KeptBack => "kept_back",
            Self::Failed => "failed",
        }
    }
}

/// What became of one secret. There is no value in it.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub from: String,
    pub to: String,
    pub outcome: Outcome,
    /// Of the source, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its id at the destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

impl Copier<'_> {
    /// Never fails as a whole: what failed is in the row.
    pub async fn copy(&self, pair: &Pair) -> Row {
        let mut row = Row {
            from: pair.from.to_string(),
            to: format!("secretsmanager://{}", pair.to),
            outcome: Outcome::Failed,
            version: None,
            version_id: None,
            error: None,
        };
        match self.copied(pair, &mut row).await {
            Ok(outcome) => row.outcome = outcome,
            Err(error) => row.error = Some(error),
        }
        row
    }

    async fn copied(&self, pair: &Pair, row: &mut Row) -> Result<Outcome> {
        let version = self.secrets.describe(&pair.from).await?;
        let id = version_id(pair, &version);
        row.version = Some(version.id.clone());
        row.version_id = Some(id.clone());
        usable(&self.secrets.target(&pair.from), &version)?;
        let kept = self.write(pair, self.secrets.own()?.describe(Hop::Write, &pair.to)).await?;
        match &kept {
            Some(kept) if kept.is_deleted => Err(deleted(Hop::Write, &pair.to)),
            Some(kept) => match decide(kept, &id) {
                Outcome::Unchanged => {
                    self.retag(pair, kept, &version, &id).await.map(|()| Outcome::Unchanged)
                }
                Outcome::Copied => self.put(pair, kept, version, &id).await,
                other => Ok(other),
            },
            None if self.create => self.create(pair, version, &id).await,
            None => Err(missing(Hop::Write, &pair.to)),
        }
    }

    async fn put(&self, pair: &Pair, kept: &Kept, version: Version, id: &str) -> Result<Outcome> {
        if self.dry_run {
            return Ok(Outcome::Copied);
        }
        // The version that was looked at, though a newer one may be there by now: its turn is next.
        let reading = self.secrets.read(&pair.from.at(&version.id)).await?;
        let new = NewVersion { name: &pair.to, token: id, value: &reading.value };
        let is_current = self.write(pair, self.secrets.own()?.put(&new)).await?;
        drop(reading);
        if !is_current {
            // It was there already, without a stage: see above.
            return Ok(Outcome::KeptBack);
        }
        self.retag(pair, kept, &version, id).await.map(|()| Outcome::Copied)
    }

    async fn create(&self, pair: &Pair, version: Version, id: &str) -> Result<Outcome> {
        if self.dry_run {
            return Ok(Outcome::Created);
        }
        let reading = self.secrets.read(&pair.from.at(&version.id)).await?;
        let new = NewVersion { name: &pair.to, token: id, value: &reading.value };
        let tags = tags(pair, &version, id, &BTreeMap::new());
        self.write(pair, self.secrets.own()?.create(&new, &tags, self.kms_key)).await?;
        Ok(Outcome::Created)
    }

    async fn retag(&self, pair: &Pair, kept: &Kept, version: &Version, id: &str) -> Result<()> {
        let mut tags = tags(pair, version, id, &kept.tags);
        tags.retain(|key, value| kept.tags.get(key) != Some(value));
        if tags.is_empty() || self.dry_run {
            return Ok(());
        }
        self.write(pair, self.secrets.own()?.tag(&pair.to, &tags)).await
    }

    async fn write<T>(&self, pair: &Pair, call: impl Future<Output = Result<T>>) -> Result<T> {
        telemetry::hop(Hop::Write, &crate::aws::SecretsManager::target(&pair.to), call).await
    }
}

/// What is to be done, from what is kept.
fn decide(kept: &Kept, id: &str) -> Outcome {
    let was_copied = kept.staged.contains(id) || kept.tags.get(VERSION_ID).is_some_and(|last| last == id);
    match kept.current.as_deref() {
        Some(current) if current == id => Outcome::Unchanged,
        _ if was_copied => Outcome::KeptBack,
        _ => Outcome::Copied,
    }
}

fn usable(target: &str, version: &Version) -> Result<()> {
    let kind = match version.state {
        State::Enabled => return Ok(()),
        State::Destroyed => Kind::NotFound,
        State::Disabled | State::NotYet(_) | State::Expired(_) => Kind::Forbidden,
    };
    let message = format!("the current version {} is {}", version.id, version.state.as_str());
    Err(Error::new(Hop::Read, kind, target, message).with_hint(&hints::SECRET_NOT_USABLE))
}

/// 64 hexadecimal digits, the most that a `ClientRequestToken` has. A secret that was deleted and made
/// again may have the same version once more, but never the same time of creation.
fn version_id(pair: &Pair, version: &Version) -> String {
    let created = version.created.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    let created = created.map(|since| since.as_nanos()).unwrap_or_default();
    let source = pair.from.without_version();
    let digest = Sha256::digest(format!("{source}\n{}\n{created}", version.id));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tags(
    pair: &Pair,
    version: &Version,
    id: &str,
    known: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    // One that is left from an older version would be wrong now.
    let content_type = match &version.content_type {
        None if !known.contains_key(CONTENT_TYPE) => None,
        stated => Some(stated.as_deref().unwrap_or_default()),
    };
    let source = pair.from.without_version().to_string();
    let all = [
        (SOURCE, Some(source.as_str())),
        (SOURCE_VERSION, Some(version.id.as_str())),
        (VERSION_ID, Some(id)),
        (CONTENT_TYPE, content_type),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), tag_value(value?)))).collect()
}

/// "Tagging your AWS resources": letters, digits, blanks and `+ - = . _ : / @`. Others become underscores.
fn tag_value(text: &str) -> String {
    let fits = |c: char| c.is_alphanumeric() || "+-=._:/@ ".contains(c);
    text.chars().map(|c| if fits(c) { c } else { '_' }).take(LONGEST_TAG).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn pair() -> Pair {
        Pair::parse("keyvault://carnet-demo/a=secretsmanager://a").unwrap()
    }

    fn version(id: &str, created: u64) -> Version {
        let created = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(created));
        Version { id: id.to_owned(), created, content_type: None, state: State::Enabled }
    }

    fn kept(current: &str, previous: &[&str], last_copied: Option<&str>) -> Kept {
        let staged = previous.iter().chain([&current]).map(|id| (*id).to_owned()).collect();
        let tags = last_copied.map(|id| (VERSION_ID.to_owned(), id.to_owned())).into_iter().collect();
        Kept { current: Some(current.to_owned()), staged, tags, ..Kept::default() }
    }

    #[test]
    fn a_version_is_copied_once_and_what_people_do_stays() {
        assert_eq!(decide(&kept("one", &[], Some("one")), "one"), Outcome::Unchanged);
        assert_eq!(decide(&kept("one", &[], Some("one")), "two"), Outcome::Copied);
        assert_eq!(decide(&Kept::default(), "one"), Outcome::Copied, "a secret without a value");
        // AWSCURRENT was moved back.
        assert_eq!(decide(&kept("one", &["two"], Some("two")), "two"), Outcome::KeptBack);
        // Values were put by hand, and the copy has lost its stage.
        assert_eq!(decide(&kept("hand2", &["hand1"], Some("two")), "two"), Outcome::KeptBack);
        assert_eq!(decide(&kept("hand2", &["hand1"], Some("two")), "three"), Outcome::Copied);
    }

    #[test]
    fn one_version_of_one_secret_has_one_id() {
        let id = version_id(&pair(), &version("1", 7));
        assert_eq!(id.len(), 64);
        assert_eq!(id, version_id(&pair(), &version("1", 7)));
        assert_ne!(id, version_id(&pair(), &version("2", 7)));
        assert_ne!(id, version_id(&pair(), &version("1", 8)), "deleted and made again");
        let other = Pair::parse("keyvault://carnet-demo/b=secretsmanager://a").unwrap();
        assert_ne!(id, version_id(&other, &version("1", 7)));
    }

    #[test]
    fn tags_hold_what_tags_may_hold() {
        let typed = Version { content_type: Some("text/plain; charset=utf-8".to_owned()), ..version("1", 7) };
        let first = tags(&pair(), &typed, "id", &BTreeMap::new());
        assert_eq!(first[CONTENT_TYPE], "text/plain_ charset=utf-8");
        assert_eq!(first[SOURCE], "keyvault://carnet-demo/a");
        let later = tags(&pair(), &version("2", 8), "id2", &first);
        assert_eq!(later[CONTENT_TYPE], "", "the new version has none");
        assert!(!tags(&pair(), &version("2", 8), "id2", &BTreeMap::new()).contains_key(CONTENT_TYPE));
        assert_eq!(tag_value(&"x".repeat(300)).len(), LONGEST_TAG);
    }

    #[test]
    fn what_is_not_good_now_is_not_copied() {
        let of = |state| usable("here", &Version { state, ..version("1", 7) }).map_err(|error| error.kind());
        let then = SystemTime::UNIX_EPOCH;
        assert_eq!(of(State::Enabled), Ok(()));
        assert_eq!(of(State::Destroyed), Err(Kind::NotFound));
        for state in [State::Disabled, State::Expired(then), State::NotYet(then)] {
            assert_eq!(of(state), Err(Kind::Forbidden));
        }
    }
}
