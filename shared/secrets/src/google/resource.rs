//! Versions and values as the API writes them: `SecretVersion` and `AccessSecretVersionResponse` of the
//! Secret Manager API, version 1.

use super::malformed;
use crate::secret::{Reading, State, Value, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carnet_federation::{Error, Hop, Kind, hints};
use serde::Deserialize;
use std::time::SystemTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretVersion<'a> {
    name: &'a str,
    create_time: &'a str,
    state: &'a str,
}

#[derive(Deserialize)]
struct Access<'a> {
    name: &'a str,
    #[serde(borrow)]
    payload: Payload<'a>,
}

/// Borrowed from the body, which is zeroed when it goes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(default)]
    data: &'a str,
    /// An int64, which JSON has as text.
    data_crc32c: Option<&'a str>,
}

/// Why a value is not used.
pub(super) enum Fault {
    Malformed(&'static str),
    Damaged,
}

impl Fault {
    pub(super) fn into_error(self, target: &str) -> Error {
        match self {
            Self::Malformed(why) => malformed(target, why),
            // Read again it may be right: it was damaged on its way.
            Self::Damaged => Error::new(
                Hop::Read,
                Kind::Unavailable,
                target,
                "the value's CRC32C is not the one announced",
            )
            .with_hint(&hints::SECRET_CHECKSUM),
        }
    }
}

pub(super) fn version(body: &[u8]) -> Result<Version, &'static str> {
    let found: SecretVersion<'_> = serde_json::from_slice(body).map_err(|_| "is no version")?;
    let state = match found.state {
        "ENABLED" => State::Enabled,
        "DISABLED" => State::Disabled,
        "DESTROYED" => State::Destroyed,
        _ => return Err("has a state that is not known"),
    };
    let created =
        OffsetDateTime::parse(found.create_time, &Rfc3339).map_err(|_| "has no time of creation")?;
    let id = id_of(found.name).ok_or("names no version")?;
    Ok(Version { id, created: Some(SystemTime::from(created)), content_type: None, state })
}

pub(super) fn reading(body: &[u8]) -> Result<Reading, Fault> {
    let found: Access<'_> = serde_json::from_slice(body).map_err(|_| Fault::Malformed("is no value"))?;
    let id = id_of(found.name).ok_or(Fault::Malformed("names no version"))?;
    let bytes = STANDARD.decode(found.payload.data).map_err(|_| Fault::Damaged)?;
    let bytes = Zeroizing::new(bytes);
    // The API reference promises it with every answer: one without proves nothing.
    let announced = found.payload.data_crc32c.ok_or(Fault::Malformed("has no CRC32C"))?;
    let announced: i64 = announced.parse().map_err(|_| Fault::Malformed("has a broken CRC32C"))?;
    if announced != i64::from(crc32c::crc32c(&bytes)) {
        return Err(Fault::Damaged);
    }
    // Only what is enabled is given out. When it was made is in the version's metadata.
    let version = Version { id, created: None, content_type: None, state: State::Enabled };
    Ok(Reading { version, value: Value::of_bytes(bytes) })
}

/// The last of `projects/NUMBER/secrets/NAME/versions/VERSION`.
fn id_of(name: &str) -> Option<String> {
    let (_, id) = name.rsplit_once("/versions/")?;
    id.parse::<u64>().ok()?;
    Some(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(data: &str, crc32c: &str) -> String {
        format!(
            r#"{{"name":"projects/1/secrets/a/versions/3","payload":{{"data":"{data}","dataCrc32c":{crc32c}}}}}"#
        )
    }

    #[test]
    fn a_value_is_taken_only_with_its_checksum() {
        // The check value of CRC-32C, of "123456789".
        let good = reading(access("MTIzNDU2Nzg5", "\"3808858755\"").as_bytes()).ok().unwrap();
        assert_eq!((good.version.id.as_str(), good.value.expose()), ("3", b"123456789".as_slice()));
        let wrong = |body: String| reading(body.as_bytes()).err().unwrap();
        assert!(matches!(wrong(access("MTIzNDU2Nzg4", "\"3808858755\"")), Fault::Damaged));
        assert!(matches!(wrong(access("MTIzNDU2Nzg5", "null")), Fault::Malformed(_)));
        assert!(matches!(wrong(access("MTIz*", "\"1\"")), Fault::Damaged));
        assert!(matches!(wrong("{".to_owned()), Fault::Malformed(_)));
    }

    #[test]
    fn an_empty_value_is_one() {
        let empty = reading(br#"{"name":"projects/1/secrets/a/versions/3","payload":{"dataCrc32c":"0"}}"#);
        assert!(empty.ok().unwrap().value.expose().is_empty());
    }

    #[test]
    fn a_version_has_a_number_a_time_and_a_state() {
        let text = |state: &str, name: &str| {
            format!(
                r#"{{"name":"projects/1/secrets/a/versions/{name}","createTime":"2026-11-01T00:00:00.123456Z","state":"{state}","etag":"\"1\""}}"#
            )
        };
        let found = version(text("DISABLED", "12").as_bytes()).unwrap();
        assert_eq!((found.id.as_str(), found.state), ("12", State::Disabled));
        assert!(found.created.is_some());
        assert!(version(text("ENABLED", "latest").as_bytes()).is_err());
        assert!(version(text("STATE_UNSPECIFIED", "1").as_bytes()).is_err());
    }
}
