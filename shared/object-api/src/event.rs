//! What an invocation asks for, and whether it may be asked.
//!
//! Names are data. API Gateway's REST APIs hand paths over still percent-encoded; they are decoded
//! here, once, and what still looks encoded after that, or could name something else, is refused
//! before any upstream call.

use crate::problem::Problem;
use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use carnet_objects::{ByteRange, Conditions, Key, ListRequest, Match, PageToken, Version};
use http::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A direct invocation is a few words; API Gateway's events are longer than this.
const LONGEST_COMMAND: usize = 256;
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

#[derive(Deserialize)]
struct Command {
    carnet: String,
}

impl Invocation {
    pub fn read(event: &RawValue) -> Result<Self, String> {
        let text = event.get();
        if text.len() <= LONGEST_COMMAND
            && let Ok(command) = serde_json::from_str::<Command>(text)
        {
            return match command.carnet.as_str() {
                "doctor" => Ok(Self::Doctor),
                _ => Err("the only command is {\"carnet\":\"doctor\"}".to_owned()),
            };
        }
        let request: ApiGatewayProxyRequest = serde_json::from_str(text)
            .map_err(|error| format!("not an event of an API Gateway REST API: {error}"))?;
        if request.http_method.as_str().is_empty() || request.request_context.request_id.is_none() {
            return Err("not an event of an API Gateway REST API".to_owned());
        }
        Ok(Self::Http(Box::new(HttpCall {
            head: request.http_method == http::Method::HEAD,
            ask: ask(&request),
        })))
    }
}

fn ask(request: &ApiGatewayProxyRequest) -> Result<Ask, Problem> {
    let reads = [http::Method::GET, http::Method::HEAD].contains(&request.http_method);
    if !reads {
        return Err(Problem::method_not_allowed());
    }
    let parameter = |name: &str| request.path_parameters.get(name).map(|text| decoded(text));
    let place = parameter("place").ok_or_else(Problem::unknown_route)??;
    let Some(key) = parameter("key") else {
        return Ok(Ask::List { place, request: list_request(request)? });
    };
    // API Gateway leaves a slash at the end out of the parameter, and in the path.
    let slash = request.path.as_deref().is_some_and(|path| path.ends_with('/'));
    let key = key.map(|name| if slash && !name.ends_with('/') { name + "/" } else { name });
    let key = key.and_then(|name| Key::parse(&name).map_err(|why| Problem::bad_key(&why.to_string())))?;
    let conditions = conditions(&request.headers)?;
    if request.http_method == http::Method::HEAD {
        return Ok(Ask::Head { place, key, conditions });
    }
    Ok(Ask::Get { place, key, range: range(&request.headers), conditions })
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

fn list_request(request: &ApiGatewayProxyRequest) -> Result<ListRequest, Problem> {
    let parameter = |name: &'static str| -> Result<Option<String>, Problem> {
        let values = request.multi_value_query_string_parameters.all(name);
        let single = || request.query_string_parameters.first(name).map(str::to_owned);
        let value = match values.as_deref() {
            Some([_, _, ..]) => return Err(Problem::bad_request(name, "is given more than once")),
            Some([one]) => Some((*one).to_owned()),
            _ => single(),
        };
        match value {
            Some(value) if value.len() > LONGEST_PARAMETER => Err(Problem::bad_request(name, "is too long")),
            Some(value) if value.chars().any(char::is_control) => {
                Err(Problem::bad_request(name, "holds control characters"))
            }
            value => Ok(value.filter(|value| !value.is_empty())),
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
fn range(headers: &HeaderMap) -> Option<ByteRange> {
    if headers.contains_key(IF_RANGE) {
        return None;
    }
    ByteRange::from_header(headers.get(RANGE)?.to_str().ok()?)
}

fn conditions(headers: &HeaderMap) -> Result<Conditions, Problem> {
    Ok(Conditions {
        if_match: condition(headers, &IF_MATCH)?,
        if_none_match: condition(headers, &IF_NONE_MATCH)?,
    })
}

fn condition(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Match>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let problem = || {
        Problem::bad_request(
            if *name == IF_MATCH { "If-Match" } else { "If-None-Match" },
            "is neither * nor one entity tag",
        )
    };
    match value.to_str().map(str::trim) {
        Ok("*") => Ok(Some(Match::Any)),
        Ok(tag) if tag.ends_with('"') => {
            Version::parse(tag).map(|version| Some(Match::Version(version))).map_err(|_| problem())
        }
        _ => Err(problem()),
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
