//! What an event comes down to.

use carnet_objects::PlaceUrl;
use std::fmt;

/// An object, and what is said to have happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The container or bucket, without a prefix.
    pub store: PlaceUrl,
    /// In it, as the event has it.
    pub name: String,
    pub what: What,
    /// The event's own id, for the log.
    pub id: String,
    /// When it happened, as the event says it, for the log.
    pub time: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Created, replaced, or changed in what is said of it.
    Changed,
    /// Deleted, renamed away, or no longer the current version.
    Deleted,
}

impl What {
    pub fn as_str(self) -> &'static str {
        match self {
            What::Changed => "changed",
            What::Deleted => "deleted",
        }
    }
}

impl fmt::Display for Hint {
    /// As a URL: `gs://bucket/name`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.store, self.name)
    }
}

/// Reads `gs://bucket/key` or `azure://account/container/key`. What follows the container or bucket is
/// the key as it is: nothing is decoded.
pub fn parse_url(url: &str) -> Result<(PlaceUrl, String), String> {
    let slashes = if url.starts_with("azure://") { 3 } else { 2 };
    let Some((at, _)) = url.match_indices('/').nth(slashes) else {
        return Err("it names no object: gs://bucket/key or azure://account/container/key".to_owned());
    };
    let (store, name) = (&url[..at], &url[at + 1..]);
    if name.is_empty() {
        return Err("it names no object: gs://bucket/key or azure://account/container/key".to_owned());
    }
    match PlaceUrl::parse(store) {
        Ok(PlaceUrl::S3 { .. }) => Err("s3:// is where objects are copied to".to_owned()),
        Ok(store) => Ok((store, name.to_owned())),
        Err(fault) => Err(fault.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_objects_literally() {
        let named = |url| parse_url(url).map(|(store, name)| (store.to_string(), name));
        let is = |store: &str, name: &str| Ok((store.to_owned(), name.to_owned()));
        assert_eq!(named("gs://bucket/a/b%20c"), is("gs://bucket/", "a/b%20c"));
        assert_eq!(named("azure://account/box/a//b/"), is("azure://account/box/", "a//b/"));
        for wrong in
            ["gs://bucket", "gs://bucket/", "azure://account/box", "s3://bucket/a", "gs://B/a", "a", ""]
        {
            assert!(named(wrong).is_err(), "{wrong}");
        }
    }
}
