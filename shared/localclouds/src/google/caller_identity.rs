//! A signed `GetCallerIdentity` as proof. Google sends it to AWS; here its signature is checked as
//! the stand-in for AWS checks every other.
//!
//! Google, "Method: token", `subjectToken`.

use super::refusals::{self, Answer};
use crate::aws::sigv4;
use crate::local::Handle;
use carnet_trust::google::{Presented, Provider};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde::Deserialize;
use std::collections::BTreeMap;

const TARGET: &str = "x-goog-cloud-target-resource";
/// What signatures for the global endpoint are made for.
const GLOBAL_REGION: &str = "us-east-1";

/// Who signed the request.
pub fn check(handle: &Handle, provider: &Provider, text: &str) -> Result<Presented, Answer> {
    let signed = SignedRequest::read(text)?;
    let region = signed.region()?;
    signed.check_call()?;
    let parts = signed.parts()?;
    check_headers(&parts, provider)?;
    let principal = sigv4::verify_in(handle, &parts, b"", "sts", &[region])
        .map_err(|fault| refusals::aws_refused(fault.code, &fault.message))?;
    let account = handle.world().aws.account.clone();
    Ok(Presented::Aws { arn: principal.session_arn, account, userid: principal.user_id })
}

struct SignedRequest {
    url: Uri,
    method: String,
    headers: Vec<Header>,
}

#[derive(Deserialize)]
struct Header {
    key: String,
    value: String,
}

/// As it is written: `http::Uri` reads itself from no JSON.
#[derive(Deserialize)]
struct Written {
    url: String,
    method: String,
    headers: Vec<Header>,
}

impl SignedRequest {
    /// URL-encoded JSON; a `+` is a space, as in Google's own example.
    fn read(text: &str) -> Result<Self, Answer> {
        let spaced = text.replace('+', " ");
        let json = percent_encoding::percent_decode_str(&spaced).decode_utf8();
        let json = json.map_err(|_| refusals::aws_format("it is no URL-encoded text"))?;
        let written: Written = serde_json::from_str(&json)
            .map_err(|_| refusals::aws_format("it is no JSON of url, method and headers"))?;
        let url = written.url.parse().map_err(|_| refusals::aws_format("its url is none"))?;
        Ok(Self { url, method: written.method, headers: written.headers })
    }

    /// Nobody but AWS's own security token service may say who signed.
    fn region(&self) -> Result<String, Answer> {
        let host = self.url.authority().filter(|_| self.url.scheme_str() == Some("https"));
        let host = host.map(|authority| authority.as_str()).unwrap_or_default();
        region_of(host).ok_or_else(|| refusals::aws_format("its url is not that of AWS STS"))
    }

    fn check_call(&self) -> Result<(), Answer> {
        if self.method != Method::POST.as_str() {
            return Err(refusals::aws_format("its method is not POST"));
        }
        let query = url::form_urlencoded::parse(self.url.query().unwrap_or_default().as_bytes());
        let query: BTreeMap<String, String> = query.into_owned().collect();
        let expected = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        if self.url.path() != "/" || query != BTreeMap::from(expected) {
            return Err(refusals::aws_format("its url does not call GetCallerIdentity"));
        }
        Ok(())
    }

    fn parts(self) -> Result<Parts, Answer> {
        let mut request = Request::post(self.url);
        for Header { key, value } in &self.headers {
            let name = HeaderName::from_bytes(key.as_bytes());
            let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) else {
                return Err(refusals::aws_format("one of its headers is none"));
            };
            request = request.header(name, value);
        }
        let request = request.body(()).map_err(|_| refusals::aws_format("it is no request"))?;
        Ok(request.into_parts().0)
    }
}

/// `sts.amazonaws.com`, or `sts.REGION.amazonaws.com`, `sts-fips.REGION.amazonaws.com` and those of
/// China.
fn region_of(host: &str) -> Option<String> {
    if host == "sts.amazonaws.com" {
        return Some(GLOBAL_REGION.to_owned());
    }
    let (service, rest) = host.split_once('.')?;
    let region = rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))?;
    let letters =
        region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    (matches!(service, "sts" | "sts-fips") && !region.is_empty() && letters).then(|| region.to_owned())
}

/// The headers that Google wants. The target's is compared, signed or not: Google recommends to sign
/// it, and its own libraries add it afterwards.
fn check_headers(parts: &Parts, provider: &Provider) -> Result<(), Answer> {
    let header = |name: &str| -> Result<&str, Answer> {
        let mut values = parts.headers.get_all(name).iter();
        let value = values.next().and_then(|value| value.to_str().ok());
        match (value, values.next()) {
            (Some(value), None) => Ok(value),
            (Some(_), Some(_)) => Err(refusals::aws_format(&format!("its header {name} is there twice"))),
            (None, _) => Err(refusals::aws_format(&format!("its header {name} is missing"))),
        }
    };
    for name in ["authorization", "x-amz-date"] {
        header(name)?;
    }
    if Some(header("host")?) != parts.uri.authority().map(|authority| authority.as_str()) {
        return Err(refusals::aws_format("its header host is not the url's"));
    }
    let (target, audience) = (header(TARGET)?, provider.audience());
    if target.strip_prefix("https:").unwrap_or(target) != audience {
        return Err(refusals::aws_format(&format!("its header {TARGET} does not name this provider")));
    }
    Ok(())
}
