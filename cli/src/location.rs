//! `azure://account/container/...` and `gs://bucket/...`, as they stand on the command line.

use carnet_objects::PlaceUrl;
use std::str::FromStr;

/// Whatever follows the container or bucket is literal: nothing is decoded, a trailing slash counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Without a prefix.
    pub store: PlaceUrl,
    pub rest: String,
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("s3://") {
            return Err("s3:// is where `carnet sync` copies to; read azure:// or gs://".to_owned());
        }
        // scheme, nothing, account, container; or scheme, nothing, bucket.
        let slashes = if text.starts_with("gs://") { 2 } else { 3 };
        let (head, rest) = match text.match_indices('/').nth(slashes) {
            Some((at, _)) => (&text[..at], &text[at + 1..]),
            None => (text, ""),
        };
        let store = PlaceUrl::parse(head).map_err(|fault| fault.to_string())?;
        Ok(Self { store, rest: rest.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(text: &str) -> Result<String, String> {
        text.parse::<Location>().map(|location| location.rest)
    }

    #[test]
    fn what_follows_the_container_is_literal() {
        assert_eq!(rest("azure://acct/box").as_deref(), Ok(""));
        assert_eq!(rest("azure://acct/box/").as_deref(), Ok(""));
        assert_eq!(rest("azure://acct/box/a/b%2f c").as_deref(), Ok("a/b%2f c"));
        assert_eq!(rest("azure://acct/box//a/").as_deref(), Ok("/a/"));
    }

    #[test]
    fn what_follows_the_bucket_is_literal() {
        assert_eq!(rest("gs://bucket").as_deref(), Ok(""));
        assert_eq!(rest("gs://bucket/").as_deref(), Ok(""));
        assert_eq!(rest("gs://bucket/a/b%2f c").as_deref(), Ok("a/b%2f c"));
        assert_eq!(rest("gs://bucket//a/").as_deref(), Ok("/a/"));
    }

    #[test]
    fn what_is_no_store_is_refused() {
        for wrong in [
            "acct/box",
            "azure://acct",
            "azure://Acct/box",
            "azure://a@b/box/x",
            "gs://",
            "gs:///x",
            "gs://Bucket/x",
            "gs://a@b/x",
            "s3://bucket/x",
            "",
        ] {
            assert!(rest(wrong).is_err(), "{wrong}");
        }
    }
}
