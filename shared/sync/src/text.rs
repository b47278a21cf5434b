//! How keys, versions and digests are written in the files of the state: as people and other tools
//! know them.

use carnet_objects::sink::Crc32c;
use carnet_objects::{Key, Version};
use serde::{Deserialize as _, Deserializer, Serializer, de};
use std::borrow::Cow;

/// For `#[serde(with = "text::key")]`.
pub(crate) mod key {
    use super::*;

    pub fn serialize<S: Serializer>(key: &Key, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(key.as_str())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        Key::parse(&Cow::<str>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// An entity tag, quotes included: `#[serde(with = "text::version")]`.
pub(crate) mod version {
    use super::*;

    pub fn serialize<S: Serializer>(version: &Version, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(version.as_str())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
        Version::parse(&Cow::<str>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

pub(crate) mod optional_version {
    use super::*;

    pub fn serialize<S: Serializer>(version: &Option<Version>, serializer: S) -> Result<S::Ok, S::Error> {
        match version {
            Some(version) => serializer.serialize_some(version.as_str()),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Version>, D::Error> {
        let tag = Option::<Cow<str>>::deserialize(deserializer)?;
        tag.map(|tag| Version::parse(&tag).map_err(de::Error::custom)).transpose()
    }
}

/// Base64, as S3 and Cloud Storage write it.
pub(crate) mod crc32c {
    use super::*;

    pub fn serialize<S: Serializer>(crc32c: &Crc32c, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&crc32c.to_base64())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Crc32c, D::Error> {
        Crc32c::from_base64(&Cow::<str>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

pub(crate) mod optional_crc32c {
    use super::*;

    pub fn serialize<S: Serializer>(crc32c: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
        match crc32c {
            Some(crc32c) => serializer.serialize_some(&Crc32c::from_u32(*crc32c).to_base64()),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
        let text = Option::<Cow<str>>::deserialize(deserializer)?;
        text.map(|text| Crc32c::from_base64(&text).map(Crc32c::as_u32).map_err(de::Error::custom)).transpose()
    }
}

/// Hexadecimal, as `md5sum` and an entity tag of S3 write it.
pub(crate) mod optional_md5 {
    use super::*;

    pub fn serialize<S: Serializer>(md5: &Option<[u8; 16]>, serializer: S) -> Result<S::Ok, S::Error> {
        match md5 {
            Some(md5) => serializer.serialize_some(&hex(md5)),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 16]>, D::Error> {
        let text = Option::<Cow<str>>::deserialize(deserializer)?;
        text.map(|text| parse_md5(&text).ok_or_else(|| de::Error::custom("an MD5 is 32 hexadecimal digits")))
            .transpose()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn parse_md5(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut md5 = [0; 16];
    for (at, byte) in md5.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(md5)
}
