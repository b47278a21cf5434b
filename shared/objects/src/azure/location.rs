//! Where a container is: hosts are data, so that sovereign clouds and stand-ins are only another
//! template.

use crate::place::{is_account, is_container};
use azure_core::http::Url;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureLocation {
    url: Url,
    /// Host (and port) and container, for people.
    shown: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidLocation {
    Account,
    Container,
    /// Not a URL with `{account}` once, in the host or the path.
    Template,
    /// Plain http to anywhere but this machine.
    PlainHttp,
}

impl AzureLocation {
    /// `template` is an account's endpoint, as `https://{account}.blob.core.windows.net` or, path
    /// style, `https://127.0.0.1:10000/{account}`.
    pub fn new(template: &str, account: &str, container: &str) -> Result<Self, InvalidLocation> {
        if !is_account(account) {
            return Err(InvalidLocation::Account);
        }
        if !is_container(container) {
            return Err(InvalidLocation::Container);
        }
        if template.matches("{account}").count() != 1 {
            return Err(InvalidLocation::Template);
        }
        let mut url =
            Url::parse(&template.replace("{account}", account)).map_err(|_| InvalidLocation::Template)?;
        if url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return Err(InvalidLocation::Template);
        }
        if carnet_federation::http::guard::check(&url).is_err() {
            return Err(InvalidLocation::PlainHttp);
        }
        url.path_segments_mut().map_err(|()| InvalidLocation::Template)?.pop_if_empty().push(container);
        let shown = format!("{}{}", carnet_federation::http::target_of(&url), url.path());
        Ok(Self { url, shown })
    }

    pub fn container_url(&self) -> &Url {
        &self.url
    }
}

impl fmt::Display for AzureLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Display for InvalidLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidLocation::Account => "a storage account's name is 3 to 24 lower-case letters and digits",
            InvalidLocation::Container => {
                "a container's name is 3 to 63 lower-case letters, digits and single hyphens between them"
            }
            InvalidLocation::Template => {
                "a blob endpoint is a URL that says {account} once, as https://{account}.blob.core.windows.net"
            }
            InvalidLocation::PlainHttp => "a blob endpoint is https; plain http is allowed to loopback only",
        })
    }
}

impl std::error::Error for InvalidLocation {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_make_urls() {
        for (template, url, shown) in [
            (
                "https://{account}.blob.core.windows.net",
                "https://acct.blob.core.windows.net/box",
                "acct.blob.core.windows.net/box",
            ),
            (
                "https://{account}.blob.core.usgovcloudapi.net/",
                "https://acct.blob.core.usgovcloudapi.net/box",
                "acct.blob.core.usgovcloudapi.net/box",
            ),
            (
                "https://127.0.0.1:10000/{account}",
                "https://127.0.0.1:10000/acct/box",
                "127.0.0.1:10000/acct/box",
            ),
            (
                "http://127.0.0.1:10000/{account}/",
                "http://127.0.0.1:10000/acct/box",
                "127.0.0.1:10000/acct/box",
            ),
        ] {
            let location = AzureLocation::new(template, "acct", "box").unwrap();
            assert_eq!((location.container_url().as_str(), location.to_string().as_str()), (url, shown));
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        let new = |template: &str| AzureLocation::new(template, "acct", "box").unwrap_err();
        for template in [
            "https://blob.core.windows.net",
            "{account}",
            "https://{account}.{account}.net",
            "https://{account}/?sig=1",
            "https://u:p@{account}.net",
        ] {
            assert_eq!(new(template), InvalidLocation::Template, "{template}");
        }
        assert_eq!(new("http://{account}.blob.core.windows.net"), InvalidLocation::PlainHttp);
        assert_eq!(AzureLocation::new("https://{account}.x", "A@b", "box"), Err(InvalidLocation::Account));
        assert_eq!(AzureLocation::new("https://{account}.x", "acct", "b/x"), Err(InvalidLocation::Container));
    }
}
