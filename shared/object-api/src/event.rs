//! What an invocation asks for, and whether it may be asked.
//!
//! Names are data. API Gateway's REST APIs hand paths over still percent-encoded; they are decoded
//! here, once, and what still looks encoded after that, or could name something else, is refused
//! before any upstream call.

use crate::problem::Problem;
use crate::rest::{Headers, RestEvent};
use carnet_objects::{ByteRange, Conditions, Key, ListRequest, Match, PageToken, Version};
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;

/// The store caps it further.
const LARGEST_PAGE: u32 = 5000;
const LONGEST_PARAMETER: usize = 2048;

/// One invocation.
#[derive(Debug)]
pub enum Invocation {
    /// `{"carnet":"doctor"}`
    Doctor,
    Http(Box<HttpCall>),
}

/// A call through API Gateway.
#[derive(Debug)]
pub struct HttpCall {
    /// `HEAD`: whatever the answer, without its body.
    pub head: bool,
    pub ask: Result<Ask, Problem>,
}

/// What is asked of a place.
#[derive(Debug)]
pub enum Ask {
    List { place: String, request: ListRequest },
    Head { place: String, key: Key, conditions: Conditions },
    Get { place: String, key: Key, range: Option<ByteRange>, conditions: Conditions },
}

impl Invocation {
    pub fn read(event: &RawValue) -> Result<Self, String> {
        match carnet_lambda::asks_for_doctor(event) {
            Ok(true) => return Ok(Self::Doctor),
            Ok(false) => {}
            Err(_) => return Err("the only command is {\"carnet\":\"doctor\"}".to_owned()),
        }
        let event: RestEvent = serde_json::from_str(event.get())
            .map_err(|error| format!("not an event of an API Gateway REST API: {error}"))?;
        Ok(Self::Http(Box::new(HttpCall { head: event.http_method == "HEAD", ask: ask(&event) })))
    }
}

fn ask(event: &RestEvent) -> Result<Ask, Problem> {
    if !matches!(event.http_method.as_str(), "GET" | "HEAD") {
        return Err(Problem::method_not_allowed());
    }
    let parameters = &event.path_parameters;
    let place = decoded(parameters.place.as_deref().ok_or_else(Problem::unknown_route)?)?;
    let Some(key) = parameters.key.as_deref() else {
        return Ok(Ask::List { place, request: list_request(event)? });
    };
    let mut name = decoded(key)?;
    // API Gateway leaves a slash at the end out of the parameter, and in the path.
    if event.path.as_deref().is_some_and(|path| path.ends_with('/')) && !name.ends_with('/') {
        name.push('/');
    }
    let key = Key::parse(&name).map_err(|why| Problem::bad_key(&why.to_string()))?;
    let conditions = conditions(&event.headers)?;
    if event.http_method == "HEAD" {
        return Ok(Ask::Head { place, key, conditions });
    }
    Ok(Ask::Get { place, key, range: range(&event.headers), conditions })
}

/// Decodes a path parameter, once.
fn decoded(text: &str) -> Result<String, Problem> {
    let name =
        percent_decode_str(text).decode_utf8().map_err(|_| Problem::bad_key("a name must be UTF-8"))?;
    if is_still_encoded(&name) {
        return Err(Problem::bad_key("a name must be percent-encoded exactly once"));
    }
    Ok(name.into_owned())
}

/// `%2f`, `%5c`, `%2e`, `%25` and control characters, after decoding: some proxy or store further on
/// might decode once more and see another name than the one checked here.
fn is_still_encoded(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.windows(3).any(|three| {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        match (three[0], digit(three[1]), digit(three[2])) {
            (b'%', Some(high), Some(low)) => {
                let byte = (high * 16 + low) as u8;
                byte.is_ascii_control() || matches!(byte, b'/' | b'\\' | b'.' | b'%')
            }
            _ => false,
        }
    })
}

fn list_request(event: &RestEvent) -> Result<ListRequest, Problem> {
    let parameter = |name: &'static str| -> Result<Option<String>, Problem> {
        let value = match event.multi_value_query_string_parameters.get(name).map(Vec::as_slice) {
            Some([_, _, ..]) => return Err(Problem::bad_request(name, "is given more than once")),
            Some([one]) => Some(one),
            _ => event.query_string_parameters.get(name),
        };
        match value {
            Some(value) if value.len() > LONGEST_PARAMETER => Err(Problem::bad_request(name, "is too long")),
            Some(value) if value.chars().any(char::is_control) => {
                Err(Problem::bad_request(name, "holds control characters"))
            }
            value => Ok(value.filter(|value| !value.is_empty()).cloned()),
        }
    };
    let prefix = parameter("prefix")?.unwrap_or_default();
    if prefix.split('/').any(|segment| segment == "..") {
        return Err(Problem::bad_request("prefix", "holds a segment \"..\""));
    }
    let page_size = match parameter("page_size")?.map(|text| text.parse::<u32>()) {
        None => None,
        Some(Ok(size @ 1..=LARGEST_PAGE)) => Some(size),
        Some(_) => return Err(Problem::bad_request("page_size", "is not a number from 1 to 5000")),
    };
    Ok(ListRequest {
        prefix,
        delimiter: parameter("delimiter")?,
        page_size,
        page_token: parameter("page_token")?.map(PageToken::new),
        start_from: None,
    })
}

/// A malformed, multiple or foreign range is ignored (RFC 9110, 14.2), and so is one that depends
/// on `If-Range`: the whole object is always a right answer.
fn range(headers: &Headers) -> Option<ByteRange> {
    if headers.if_range.is_some() {
        return None;
    }
    ByteRange::from_header(headers.range.as_deref()?)
}

fn conditions(headers: &Headers) -> Result<Conditions, Problem> {
    Ok(Conditions {
        if_match: condition("If-Match", headers.if_match.as_deref())?,
        if_none_match: condition("If-None-Match", headers.if_none_match.as_deref())?,
    })
}

fn condition(name: &'static str, value: Option<&str>) -> Result<Option<Match>, Problem> {
    match value.map(str::trim) {
        None => Ok(None),
        Some("*") => Ok(Some(Match::Any)),
        Some(tag) => match Version::parse(tag) {
            Ok(version) if tag.ends_with('"') => Ok(Some(Match::Version(version))),
            _ => Err(Problem::bad_request(name, "is neither * nor one entity tag")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_once_and_no_more() {
        assert_eq!(decoded("summer%20figures%20f%C3%BCr.csv").unwrap(), "summer figures für.csv");
        assert_eq!(decoded("a%2Fb").unwrap(), "a/b");
        assert_eq!(decoded("100%").unwrap(), "100%");
        assert_eq!(decoded("a%2520b").unwrap(), "a%20b", "a blob may be called so");
        for name in ["a%252fb", "%252e%252e", "a%255cb", "%250d%250aX", "%FF"] {
            assert!(decoded(name).is_err(), "{name}");
        }
    }
}
