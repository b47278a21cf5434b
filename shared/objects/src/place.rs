//! Places: names for URLs of prefixes in the clouds, `assets = azure://account/container/prefix`,
//! `assets = gs://bucket/prefix` or `assets = s3://bucket/prefix`.

use crate::key::{InvalidKey, Key};
use std::collections::BTreeMap;
use std::fmt;

/// A place's own name is part of our API's paths.
const MAX_NAME: usize = 64;

const FORM: &str =
    "name=azure://account/container/prefix, name=gs://bucket/prefix or name=s3://bucket/prefix";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub name: String,
    pub url: PlaceUrl,
}

/// Where it is. The prefix is empty or ends with a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlaceUrl {
    Azure { account: String, container: String, prefix: String },
    Google { bucket: String, prefix: String },
    S3 { bucket: String, prefix: String },
}

/// What is wrong with a place's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPlaceUrl {
    NotAPlace,
    Account,
    Container,
    Bucket,
    S3Bucket,
    Prefix(InvalidKey),
}

impl PlaceUrl {
    /// `azure://account/container[/prefix]`, `gs://bucket[/prefix]` or `s3://bucket[/prefix]`. The prefix is
    /// taken literally: nothing is decoded.
    pub fn parse(url: &str) -> Result<Self, InvalidPlaceUrl> {
        Self::parse_in(url, None)
    }

    /// The same, where `azure:///container[/prefix]` means this account.
    pub fn parse_in(url: &str, account: Option<&str>) -> Result<Self, InvalidPlaceUrl> {
        match url.split_once("://") {
            Some(("azure", rest)) => parse_azure(rest, account),
            Some(("gs", rest)) => parse_google(rest),
            Some(("s3", rest)) => parse_s3(rest),
            _ => Err(InvalidPlaceUrl::NotAPlace),
        }
    }

    /// The folder below which this place's names are.
    pub fn prefix(&self) -> &str {
        match self {
            PlaceUrl::Azure { prefix, .. }
            | PlaceUrl::Google { prefix, .. }
            | PlaceUrl::S3 { prefix, .. } => prefix,
        }
    }
}

fn parse_azure(rest: &str, default_account: Option<&str>) -> Result<PlaceUrl, InvalidPlaceUrl> {
    let (account, rest) = rest.split_once('/').ok_or(InvalidPlaceUrl::Container)?;
    let account = if account.is_empty() { default_account.unwrap_or_default() } else { account };
    let (container, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if !is_account(account) {
        return Err(InvalidPlaceUrl::Account);
    }
    if !is_container(container) {
        return Err(InvalidPlaceUrl::Container);
    }
    let prefix = folder(prefix)?;
    Ok(PlaceUrl::Azure { account: account.to_owned(), container: container.to_owned(), prefix })
}

fn parse_google(rest: &str) -> Result<PlaceUrl, InvalidPlaceUrl> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if !is_bucket(bucket) {
        return Err(InvalidPlaceUrl::Bucket);
    }
    Ok(PlaceUrl::Google { bucket: bucket.to_owned(), prefix: folder(prefix)? })
}

fn parse_s3(rest: &str) -> Result<PlaceUrl, InvalidPlaceUrl> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if !is_s3_bucket(bucket) {
        return Err(InvalidPlaceUrl::S3Bucket);
    }
    Ok(PlaceUrl::S3 { bucket: bucket.to_owned(), prefix: folder(prefix)? })
}

fn folder(prefix: &str) -> Result<String, InvalidPlaceUrl> {
    if prefix.is_empty() {
        return Ok(String::new());
    }
    Key::parse(prefix).map_err(InvalidPlaceUrl::Prefix)?;
    Ok(if prefix.ends_with('/') { prefix.to_owned() } else { format!("{prefix}/") })
}

/// "Storage account overview": 3 to 24 characters, lower-case letters and digits. So it can stand in
/// a host name as it is.
pub fn is_account(name: &str) -> bool {
    (3..=24).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// "Naming and referencing containers, blobs, and metadata": 3 to 63 characters, lower-case letters,
/// digits and single hyphens between them. `$root` and its like are not supported.
pub fn is_container(name: &str) -> bool {
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}

/// "Bucket naming guidelines": lower-case letters, digits, `-`, `_` and dots, a letter or digit at
/// both ends, 3 to 63 characters, or up to 222 in parts of 63 between dots; no IP address, nothing
/// that begins with `goog`. (Whether a name misspells Google's is the service's to judge.)
pub fn is_bucket(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=222).contains(&bytes.len())
        && bytes.iter().all(|b| letter(*b) || matches!(b, b'-' | b'_' | b'.'))
        && bytes.first().copied().is_some_and(letter)
        && bytes.last().copied().is_some_and(letter)
        && name.split('.').all(|part| (1..=63).contains(&part.len()))
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !name.starts_with("goog")
}

/// "General purpose bucket naming rules": 3 to 63 lower-case letters, digits, dots and hyphens, a letter
/// or digit at both ends, no two dots together, no IP address. (Reserved beginnings and endings are
/// the service's to judge.)
pub fn is_s3_bucket(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|b| letter(*b) || matches!(b, b'-' | b'.'))
        && bytes.first().copied().is_some_and(letter)
        && bytes.last().copied().is_some_and(letter)
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

/// The configured places, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(BTreeMap<String, Place>);

/// Everything that is wrong with a list of places, each fault naming its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceFaults(Vec<String>);

impl Places {
    /// A comma-separated list of `name=url`. Spaces around commas and equals signs do not count.
    pub fn parse(list: &str) -> Result<Self, PlaceFaults> {
        Self::parse_in(list, None)
    }

    /// The same, with the account that `azure:///container/prefix` means.
    pub fn parse_in(list: &str, account: Option<&str>) -> Result<Self, PlaceFaults> {
        let (mut places, mut faults) = (BTreeMap::new(), Vec::new());
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match parse_entry(entry, account) {
                Ok(place) if places.contains_key(&place.name) => {
                    faults.push(format!("the place {:?} is given twice", place.name));
                }
                Ok(place) => {
                    places.insert(place.name.clone(), place);
                }
                Err(fault) => faults.push(fault),
            }
        }
        if places.is_empty() && faults.is_empty() {
            faults.push(format!("no place is given; the form is {FORM}"));
        }
        if faults.is_empty() { Ok(Self(places)) } else { Err(PlaceFaults(faults)) }
    }

    pub fn get(&self, name: &str) -> Option<&Place> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Place> {
        self.0.values()
    }
}

fn parse_entry(entry: &str, account: Option<&str>) -> Result<Place, String> {
    let Some((name, url)) = entry.split_once('=').map(|(name, url)| (name.trim(), url.trim())) else {
        return Err(format!("{entry:?} is not of the form {FORM}"));
    };
    if !is_name(name) {
        return Err(format!(
            "the place name {name:?} may hold letters, digits, \"-\" and \"_\", and {MAX_NAME} of them at most"
        ));
    }
    let url = PlaceUrl::parse_in(url, account).map_err(|fault| format!("the place {name:?}: {fault}"))?;
    Ok(Place { name: name.to_owned(), url })
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl Place {
    /// The name in the container of what callers call `key`.
    pub fn join(&self, key: &Key) -> Result<Key, InvalidKey> {
        Key::parse(&format!("{}{key}", self.url.prefix()))
    }

    /// What callers call it; `None` for a name that is not in this place.
    pub fn strip<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.strip_prefix(self.url.prefix()).filter(|rest| !rest.is_empty())
    }
}

impl PlaceFaults {
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for PlaceFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for PlaceFaults {}

impl fmt::Display for PlaceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlaceUrl::Azure { account, container, prefix } => {
                write!(f, "azure://{account}/{container}/{prefix}")
            }
            PlaceUrl::Google { bucket, prefix } => write!(f, "gs://{bucket}/{prefix}"),
            PlaceUrl::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

impl fmt::Display for InvalidPlaceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidPlaceUrl::NotAPlace => f.write_str(
                "a place is azure://account/container/prefix, gs://bucket/prefix or s3://bucket/prefix",
            ),
            InvalidPlaceUrl::Account => {
                f.write_str("a storage account's name is 3 to 24 lower-case letters and digits")
            }
            InvalidPlaceUrl::Container => f.write_str(
                "a container's name is 3 to 63 lower-case letters, digits and single hyphens between them",
            ),
            InvalidPlaceUrl::Bucket => f.write_str(
                "a bucket's name is 3 to 63 lower-case letters, digits, \"-\" and \"_\" (with dots, up to 222 \
                 in parts of 63), with a letter or digit at both ends; it is no IP address and does not \
                 begin with \"goog\"",
            ),
            InvalidPlaceUrl::S3Bucket => f.write_str(
                "an S3 bucket's name is 3 to 63 lower-case letters, digits, hyphens and single dots, with a \
                 letter or digit at both ends, and no IP address",
            ),
            InvalidPlaceUrl::Prefix(why) => write!(f, "its prefix cannot be one: {why}"),
        }
    }
}

impl std::error::Error for InvalidPlaceUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    fn azure(account: &str, container: &str, prefix: &str) -> PlaceUrl {
        PlaceUrl::Azure { account: account.into(), container: container.into(), prefix: prefix.into() }
    }

    #[test]
    fn urls_are_read() {
        assert_eq!(PlaceUrl::parse("azure://acct/box"), Ok(azure("acct", "box", "")));
        assert_eq!(PlaceUrl::parse("azure://acct/box/"), Ok(azure("acct", "box", "")));
        assert_eq!(PlaceUrl::parse_in("azure:///box", Some("other")), Ok(azure("other", "box", "")));
        assert_eq!(PlaceUrl::parse_in("azure://acct/box", Some("other")), Ok(azure("acct", "box", "")));
        assert_eq!(PlaceUrl::parse("azure:///box"), Err(InvalidPlaceUrl::Account));
        assert_eq!(PlaceUrl::parse("azure://acct/box/a b/c"), Ok(azure("acct", "box", "a b/c/")));
        assert_eq!(PlaceUrl::parse("azure://acct/box/a%2f/"), Ok(azure("acct", "box", "a%2f/")));
        let google = |bucket: &str, prefix: &str| {
            Ok(PlaceUrl::Google { bucket: bucket.into(), prefix: prefix.into() })
        };
        assert_eq!(PlaceUrl::parse("gs://b_x-1"), google("b_x-1", ""));
        assert_eq!(PlaceUrl::parse_in("gs://box/a b/c", Some("other")), google("box", "a b/c/"));
        let long = format!("{0}.{0}.{0}", "a".repeat(63));
        assert_eq!(PlaceUrl::parse(&format!("gs://{long}/")), google(&long, ""));
        assert_eq!(PlaceUrl::parse("gs://box/a/").unwrap().to_string(), "gs://box/a/");
        let s3 = PlaceUrl::S3 { bucket: "b.x-1".into(), prefix: "a b/c/".into() };
        assert_eq!(PlaceUrl::parse("s3://b.x-1/a b/c"), Ok(s3.clone()));
        assert_eq!(s3.to_string(), "s3://b.x-1/a b/c/");
    }

    #[test]
    fn names_that_could_leave_their_host_or_prefix_are_refused() {
        for account in ["", "ab", "Acct", "a.b.c", "acct@evil", "acct:80", "a-b-c", &"a".repeat(25)] {
            assert_eq!(
                PlaceUrl::parse(&format!("azure://{account}/box")),
                Err(InvalidPlaceUrl::Account),
                "{account}"
            );
        }
        for container in ["", "ab", "-box", "box-", "b--x", "Box", "$root", "bo_x", "..", &"a".repeat(64)] {
            let url = format!("azure://acct/{container}");
            assert_eq!(PlaceUrl::parse(&url), Err(InvalidPlaceUrl::Container), "{url}");
        }
        assert_eq!(PlaceUrl::parse("azure://acct"), Err(InvalidPlaceUrl::Container));
        let dots = Err(InvalidPlaceUrl::Prefix(InvalidKey::DotSegment));
        assert_eq!(PlaceUrl::parse("azure://acct/box/../other"), dots);
        for bucket in [
            "",
            "ab",
            "-box",
            "box-",
            ".box",
            "b..x",
            "Box",
            "b_x",
            "b@x",
            "192.168.5.4",
            "b:80",
            &"a".repeat(64),
        ] {
            assert_eq!(
                PlaceUrl::parse(&format!("s3://{bucket}/p")),
                Err(InvalidPlaceUrl::S3Bucket),
                "{bucket}"
            );
        }
        assert_eq!(PlaceUrl::parse("s3://box/../other"), dots);
        let parts = "a".repeat(64) + ".com";
        let long = format!("{0}.{0}.{0}.{0}", "a".repeat(60));
        for bucket in [
            "",
            "ab",
            "-box",
            "box-",
            ".box",
            "box.",
            "b..x",
            "Box",
            "b@x",
            "192.168.5.4",
            "google-x",
            "goog",
            &parts,
            &long,
            "bü.x",
            "b:80",
            "b%2fx",
        ] {
            let url = format!("gs://{bucket}/p");
            assert_eq!(PlaceUrl::parse(&url), Err(InvalidPlaceUrl::Bucket), "{url}");
        }
        assert_eq!(PlaceUrl::parse("gs://box/../other"), dots);
        assert_eq!(PlaceUrl::parse("https://acct/box"), Err(InvalidPlaceUrl::NotAPlace));
    }

    #[test]
    fn every_fault_of_a_list_is_reported() {
        let faults = Places::parse(
            "ok=azure://acct/box, x y=azure://acct/box, b=http://bucket, nothing, ok=azure://acct/b2c",
        )
        .unwrap_err()
        .to_string();
        for part in [
            "or name=s3://bucket/prefix",
            "\"x y\"",
            "\"b\": a place is",
            "\"nothing\"",
            "\"ok\" is given twice",
        ] {
            assert!(faults.contains(part), "{part} in {faults}");
        }
        assert!(Places::parse(" , ").is_err());
    }

    #[test]
    fn a_list_is_read() {
        let places = Places::parse(" assets = azure://acct/box/p ,logs=azure://acct/logs,").unwrap();
        assert_eq!(places.iter().map(|place| place.name.as_str()).collect::<Vec<_>>(), ["assets", "logs"]);
        let assets = places.get("assets").unwrap();
        let inner = assets.join(&Key::parse("k/1").unwrap()).unwrap();
        assert_eq!(inner.as_str(), "p/k/1");
        assert_eq!(assets.strip(inner.as_str()), Some("k/1"));
        assert_eq!(assets.strip("p2/k"), None);
        assert_eq!(assets.strip("p/"), None);
        assert_eq!(assets.url.to_string(), "azure://acct/box/p/");
    }
}
