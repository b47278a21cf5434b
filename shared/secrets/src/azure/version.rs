//! What a vault says of a version.

use crate::secret::{State, Version};
use azure_core::time::OffsetDateTime;
use azure_security_keyvault_secrets::ResourceId;
use azure_security_keyvault_secrets::models::{Secret, SecretAttributes, SecretProperties};
use std::time::SystemTime;

pub(super) fn listed(entry: SecretProperties) -> Option<Version> {
    version(entry.id.as_deref(), entry.content_type, entry.attributes)
}

pub(super) fn read(bundle: Secret) -> Option<Version> {
    version(bundle.id.as_deref(), bundle.content_type, bundle.attributes)
}

pub(super) fn the_one(listed: Vec<Version>, id: &str) -> Option<Version> {
    listed.into_iter().find(|version| version.id.eq_ignore_ascii_case(id))
}

/// The newest: several, if the list cannot tell which of them is.
pub(super) fn newest(listed: Vec<Version>) -> Vec<Version> {
    let last = listed.iter().map(|version| version.created).max().flatten();
    listed.into_iter().filter(|version| version.created == last).collect()
}

fn version(
    id: Option<&str>,
    content_type: Option<String>,
    attributes: Option<SecretAttributes>,
) -> Option<Version> {
    let id = id_of(id?)?;
    let attributes = attributes.unwrap_or_default();
    Some(Version {
        id,
        created: attributes.created.map(SystemTime::from),
        content_type: content_type.filter(|text| !text.is_empty()),
        state: state(&attributes, SystemTime::now()),
    })
}

/// The last of `https://VAULT/secrets/NAME/VERSION`. Behind another endpoint the vault may be a piece of
/// the path, which the client's own reading of ids does not expect.
fn id_of(id: &str) -> Option<String> {
    let by_client = id.parse::<ResourceId>().ok().and_then(|id| id.version);
    by_client.or_else(|| {
        let (_, rest) = id.split_once("/secrets/")?;
        let (_, version) = rest.split_once('/')?;
        (!version.is_empty() && !version.contains('/')).then(|| version.to_owned())
    })
}

fn state(attributes: &SecretAttributes, now: SystemTime) -> State {
    let time = |at: Option<OffsetDateTime>| at.map(SystemTime::from);
    match (time(attributes.not_before), time(attributes.expires)) {
        _ if attributes.enabled == Some(false) => State::Disabled,
        (_, Some(at)) if at <= now => State::Expired(at),
        (Some(from), _) if from > now => State::NotYet(from),
        _ => State::Enabled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(id: &str, seconds: u64) -> Version {
        let created = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        Version { id: id.to_owned(), created, content_type: None, state: State::Enabled }
    }

    #[test]
    fn the_newest_is_told_only_where_it_can_be() {
        assert_eq!(newest(vec![at("b", 2), at("c", 3), at("a", 1)]), [at("c", 3)]);
        assert_eq!(newest(vec![at("b", 2), at("c", 2), at("a", 1)]), [at("b", 2), at("c", 2)]);
        assert_eq!(newest(Vec::new()), []);
    }

    #[test]
    fn ids_are_read_behind_any_endpoint() {
        assert_eq!(id_of("https://v.vault.azure.net/secrets/a/0123").as_deref(), Some("0123"));
        assert_eq!(id_of("https://127.0.0.1:1/v/secrets/a/0123").as_deref(), Some("0123"));
        assert_eq!(id_of("https://v.vault.azure.net/secrets/a"), None);
    }

    #[test]
    fn a_version_is_good_between_its_times_and_while_enabled() {
        let now = SystemTime::now();
        let time = |seconds: i64| Some(OffsetDateTime::from(now) + time::Duration::seconds(seconds));
        let of = |enabled, not_before, expires| {
            let attributes = SecretAttributes { enabled, not_before, expires, ..SecretAttributes::default() };
            state(&attributes, now).as_str()
        };
        assert_eq!(of(None, None, None), "enabled");
        assert_eq!(of(Some(true), time(-9), time(9)), "enabled");
        assert_eq!(of(Some(true), time(9), None), "not yet valid");
        assert_eq!(of(Some(true), None, time(-9)), "expired");
        assert_eq!(of(Some(false), None, time(-9)), "disabled");
    }
}
