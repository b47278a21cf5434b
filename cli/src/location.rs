//! `azure://account/container/...`, as it stands on the command line.

use carnet_objects::PlaceUrl;
use std::str::FromStr;

/// Whatever follows the container is literal: nothing is decoded, a trailing slash counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub account: String,
    pub container: String,
    pub rest: String,
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (head, rest) = match text.match_indices('/').nth(3) {
            Some((at, _)) => (&text[..at], &text[at + 1..]),
            None => (text, ""),
        };
        match PlaceUrl::parse(head).map_err(|fault| fault.to_string())? {
            PlaceUrl::Azure { account, container, .. } => {
                Ok(Self { account, container, rest: rest.to_owned() })
            }
            _ => Err("only azure://account/container/... can be read".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_container_is_literal() {
        let rest = |text: &str| text.parse::<Location>().map(|location| location.rest);
        assert_eq!(rest("azure://acct/box").as_deref(), Ok(""));
        assert_eq!(rest("azure://acct/box/").as_deref(), Ok(""));
        assert_eq!(rest("azure://acct/box/a/b%2f c").as_deref(), Ok("a/b%2f c"));
        assert_eq!(rest("azure://acct/box//a/").as_deref(), Ok("/a/"));
        for wrong in
            ["acct/box", "azure://acct", "azure://Acct/box", "gs://bucket/x", "azure://a@b/box/x", ""]
        {
            assert!(rest(wrong).is_err(), "{wrong}");
        }
    }
}
