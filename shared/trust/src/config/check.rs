//! The formats of single values. Each check gives what is wrong and what would be right.

use super::Place;
use crate::aws::is_account;
use crate::google::is_id;

pub type Check = Result<(), (String, String)>;

fn wrong(problem: &str, fix: &str) -> Check {
    Err((problem.to_owned(), fix.to_owned()))
}

pub fn account(text: &str) -> Check {
    if is_account(text) {
        return Ok(());
    }
    wrong("not an AWS account id", "give its 12 digits, in quotes")
}

pub fn region(text: &str) -> Check {
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let (number, names) = parts.split_last().unwrap_or((&"", &[]));
    if names.len() >= 2
        && names.iter().all(letters)
        && number.len() == 1
        && number.as_bytes()[0].is_ascii_digit()
    {
        return Ok(());
    }
    wrong("not an AWS region", "give one such as \"eu-central-1\"")
}

pub fn issuer(text: &str) -> Check {
    if text.starts_with("https://") && text.len() > "https://".len() && !text.ends_with('/') {
        return Ok(());
    }
    wrong(
        "not an issuer of outbound federation",
        "give the IssuerIdentifier of `aws iam get-outbound-web-identity-federation-info`, unchanged",
    )
}

pub fn org_id(text: &str) -> Check {
    let rest = text.strip_prefix("o-").unwrap_or("");
    if (10..=32).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        return Ok(());
    }
    wrong("not an AWS Organizations id", "give one such as \"o-a1b2c3d4e5\"")
}

/// Names that become part of an IAM role's name.
pub fn name(text: &str) -> Check {
    let start = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if start && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return Ok(());
    }
    wrong("not a usable name", "use letters, digits, `-` and `_`, and start with a letter or digit")
}

pub fn guid(text: &str) -> Check {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let hex = groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()));
    if lengths == [8, 4, 4, 4, 12] && hex {
        return Ok(());
    }
    wrong("not a GUID", "give it as 00000000-0000-0000-0000-000000000000")
}

pub fn path(text: &str) -> Check {
    if !text.is_empty() && !text.contains('\0') {
        return Ok(());
    }
    wrong("not a path", "give one relative to this file")
}

/// A folder of the stack's bucket. No part begins with a dot: the state and the inbox are called so.
pub fn folder(text: &str) -> Check {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
    let part =
        |part: &str| part.bytes().next().is_some_and(plain) && part.bytes().all(|b| plain(b) || b == b'.');
    if text.len() <= 200 && text.split('/').all(part) {
        return Ok(());
    }
    wrong(
        "not a usable folder",
        "use letters, digits, `_`, `-` and `.`, with `/` between parts that begin with none of `.` and `/`",
    )
}

/// Google, "Creating and managing projects": the number Google gives, not the id people choose.
pub fn project_number(text: &str) -> Check {
    if (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    wrong(
        "not a project number",
        "give the digits of `gcloud projects describe PROJECT`, in quotes; an id will not do",
    )
}

pub fn pool_or_provider(text: &str) -> Check {
    if is_id(text) {
        return Ok(());
    }
    wrong(
        "not an id that Google takes",
        "use 4 to 32 lower-case letters, digits and `-`, not beginning with `gcp-`",
    )
}

pub fn email(text: &str) -> Check {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let parts = text.split_once('@').filter(|(name, host)| {
        !name.is_empty() && host.contains('.') && name.bytes().all(plain) && host.bytes().all(plain)
    });
    if parts.is_some() {
        return Ok(());
    }
    wrong("not a service account's e-mail", "give one such as \"reader@PROJECT.iam.gserviceaccount.com\"")
}

/// Ids of Google's and GitHub's.
pub fn digits(text: &str) -> Check {
    if (1..=30).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    wrong("not a numeric id", "give its digits, in quotes")
}

pub fn provider_type(text: &str) -> Check {
    if matches!(text, "oidc" | "aws") {
        return Ok(());
    }
    wrong(
        "no type of provider",
        "give \"oidc\" (the account's outbound tokens) or \"aws\" (a signed GetCallerIdentity)",
    )
}

pub fn place(url: &str) -> Result<Place, (String, String)> {
    match url.split_once("://") {
        Some(("azure", rest)) => azure_place(rest),
        Some(("gs", rest)) => google_place(rest),
        _ => Err((
            "not the URL of a place".to_owned(),
            "give azure://ACCOUNT/CONTAINER or gs://BUCKET, with /PREFIX if you like".to_owned(),
        )),
    }
}

/// Microsoft, "Storage account overview" and "Naming and referencing containers, blobs, and metadata".
fn azure_place(rest: &str) -> Result<Place, (String, String)> {
    let fix = "give azure://ACCOUNT/CONTAINER or azure://ACCOUNT/CONTAINER/PREFIX".to_owned();
    let mut parts = rest.splitn(3, '/');
    let (account, container) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if !(3..=24).contains(&account.len()) || !account.bytes().all(lower) {
        let problem =
            format!("`{account}` is not a storage account's name (3-24 lower case letters and digits)");
        return Err((problem, fix));
    }
    if !is_container(container) {
        let problem = format!(
            "`{container}` is not a container's name (3-63 lower case letters, digits and single hyphens)"
        );
        return Err((problem, fix));
    }
    let prefix = prefix(parts.next(), fix)?;
    Ok(Place::Azure { account: account.to_owned(), container: container.to_owned(), prefix })
}

/// Google, "About Cloud Storage buckets": bucket names.
fn google_place(rest: &str) -> Result<Place, (String, String)> {
    let fix = "give gs://BUCKET or gs://BUCKET/PREFIX".to_owned();
    let (bucket, rest) = rest.split_once('/').map_or((rest, None), |(bucket, rest)| (bucket, Some(rest)));
    if !is_bucket(bucket) {
        let problem = format!(
            "`{bucket}` is not a bucket's name (3-63 lower case letters, digits, `-`, `_` and `.`, a letter or digit at both ends)"
        );
        return Err((problem, fix));
    }
    Ok(Place::Google { bucket: bucket.to_owned(), prefix: prefix(rest, fix)? })
}

fn prefix(rest: Option<&str>, fix: String) -> Result<String, (String, String)> {
    let prefix = rest.unwrap_or("").trim_end_matches('/');
    if prefix.split('/').any(|part| part == "." || part == "..") || prefix.chars().any(char::is_control) {
        return Err(("its prefix has `.`, `..` or control characters".to_owned(), fix));
    }
    Ok(prefix.to_owned())
}

fn is_bucket(name: &str) -> bool {
    let end = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = name.as_bytes();
    let longest = if name.contains('.') { 222 } else { 63 };
    (3..=longest).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(b))
        && end(bytes.first())
        && end(bytes.last())
        && name.split('.').all(|part| (1..=63).contains(&part.len()))
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !name.starts_with("goog")
}

fn is_container(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    // Azure's own containers, which do not follow its rule.
    if matches!(name, "$root" | "$web" | "$logs") {
        return true;
    }
    (3..=63).contains(&name.len())
        && name.bytes().all(|b| plain(b) || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}
