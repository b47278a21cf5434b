//! Which URLs may be called at all.

use reqwest::Url;
use std::net::IpAddr;

/// Where AWS serves credentials on the machine itself, over plain http: the instance metadata
/// service (169.254.169.254, fd00:ec2::254), ECS (169.254.170.2), EKS Pod Identity (169.254.170.23,
/// fd00:ec2::23). From "Using the IMDS" and the SDK reference's "Container credential provider".
const AWS_METADATA: [&str; 5] =
    ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"];

/// https to anywhere, http to this machine.
pub fn check(url: &Url) -> Result<(), &'static str> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => Err("plain http is allowed to loopback only; use https"),
        _ => Err("only https URLs are called"),
    }
}

/// The same, and AWS's own metadata addresses: for the AWS credential chain alone.
pub fn check_aws(url: &Url) -> Result<(), &'static str> {
    check(url).or_else(|why| if url.scheme() == "http" && is_aws_metadata(url) { Ok(()) } else { Err(why) })
}

/// Where Azure and Google serve identities on the machine itself: plain http to a link-local address
/// (169.254.0.0/16), Google's name for its own, or loopback. From "How to use managed identities to
/// acquire an access token", "Managed identities for App Service" and Google's "About VM metadata".
pub fn check_metadata(url: &Url) -> Result<(), &'static str> {
    let local = matches!(ip(url), Some(IpAddr::V4(ip)) if ip.is_link_local());
    if url.scheme() == "http" && (is_loopback(url) || local || url.host_str() == Some(GOOGLE_METADATA)) {
        return Ok(());
    }
    Err(
        "a metadata service is called over http, at 169.254.x.x, metadata.google.internal or this machine only",
    )
}

/// Resolves on machines of Google's only.
pub const GOOGLE_METADATA: &str = "metadata.google.internal";

fn is_loopback(url: &Url) -> bool {
    ip(url).is_some_and(|ip| ip.is_loopback()) || url.host_str() == Some("localhost")
}

fn is_aws_metadata(url: &Url) -> bool {
    ip(url).is_some_and(|ip| AWS_METADATA.iter().any(|known| known.parse() == Ok(ip)))
}

fn ip(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_the_machine() {
        let ok = |text: &str| check(&text.parse().unwrap()).is_ok();
        assert!(ok("https://login.microsoftonline.com/"));
        assert!(ok("http://127.0.0.1:9/x") && ok("http://localhost:9/") && ok("http://[::1]:9/"));
        for text in [
            "http://example.com/",
            "http://169.254.169.254/",
            "http://127.0.0.1.example.com/",
            "ftp://127.0.0.1/",
        ] {
            assert!(!ok(text), "{text}");
        }
        assert!(check_aws(&"http://169.254.169.254/latest".parse().unwrap()).is_ok());
        assert!(check_aws(&"http://[fd00:ec2::254]/latest".parse().unwrap()).is_ok());
        assert!(check_aws(&"http://169.254.1.1/".parse().unwrap()).is_err());
    }

    #[test]
    fn metadata_services_are_on_the_machine() {
        let ok = |text: &str| check_metadata(&text.parse().unwrap()).is_ok();
        assert!(ok("http://169.254.169.254/metadata") && ok("http://169.254.129.3:8081/msi/token"));
        assert!(ok("http://metadata.google.internal/") && ok("http://127.0.0.1:9/"));
        for text in [
            "http://10.0.0.1/",
            "http://metadata.google.internal.example.com/",
            "https://169.254.169.254/",
            "http://169.255.0.1/",
        ] {
            assert!(!ok(text), "{text}");
        }
    }
}
