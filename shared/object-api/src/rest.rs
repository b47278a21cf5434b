//! The parts of a REST API's proxy event that are asked for here.
//!
//! `aws_lambda_events` reads the whole event, which was an eighth of a warm call's instructions;
//! this reads six fields and steps over the rest. ("Input format of a Lambda function for proxy
//! integration", Amazon API Gateway developer guide.)

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestEvent<'e> {
    pub http_method: String,
    #[serde(default)]
    pub path: Option<String>,
    #[serde(default, borrow, deserialize_with = "or_default")]
    pub headers: Headers<'e>,
    #[serde(default, deserialize_with = "or_default")]
    pub query_string_parameters: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    pub multi_value_query_string_parameters: BTreeMap<String, Vec<String>>,
    #[serde(default, deserialize_with = "or_default")]
    pub path_parameters: PathParameters,
    /// Only that it is there: without it this is some other event.
    #[serde(rename = "requestContext")]
    pub _request_context: RequestContext,
}

#[derive(Debug, Default, Deserialize)]
pub struct PathParameters {
    pub place: Option<String>,
    pub key: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestContext {
    #[serde(rename = "requestId")]
    pub _request_id: IgnoredAny,
}

/// The request headers that change an answer. A repeated one keeps its last value, as API Gateway's
/// single-valued map does.
#[derive(Debug, Default)]
pub struct Headers<'e> {
    pub range: Option<Cow<'e, str>>,
    pub if_range: Option<Cow<'e, str>>,
    pub if_match: Option<Cow<'e, str>>,
    pub if_none_match: Option<Cow<'e, str>>,
}

/// API Gateway writes `null` for a map without entries.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// Text, borrowed from the event where it has no escapes.
#[derive(Deserialize)]
struct Text<'e>(#[serde(borrow)] Cow<'e, str>);

impl<'de: 'e, 'e> Deserialize<'de> for Headers<'e> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(HeadersVisitor).map(|headers: Headers<'de>| headers)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of headers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers<'de>, A::Error> {
        let mut headers = Headers::default();
        while let Some(Text(name)) = map.next_key()? {
            let wanted = [
                ("range", &mut headers.range),
                ("if-range", &mut headers.if_range),
                ("if-match", &mut headers.if_match),
                ("if-none-match", &mut headers.if_none_match),
            ];
            match wanted.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)) {
                Some((_, place)) => *place = Some(map.next_value::<Text<'de>>()?.0),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_are_empty_and_header_names_ignore_case() {
        let event: RestEvent = serde_json::from_str(
            r#"{"httpMethod":"GET","path":"/azure/a","headers":{"Host":"h","RANGE":"bytes=0-1","If-None-Match":"\"x\""},
                "queryStringParameters":null,"multiValueQueryStringParameters":null,"pathParameters":null,
                "requestContext":{"requestId":"r"},"body":null}"#,
        )
        .unwrap();
        assert_eq!(event.headers.range.as_deref(), Some("bytes=0-1"));
        assert_eq!(event.headers.if_none_match.as_deref(), Some("\"x\""));
        assert!(event.path_parameters.place.is_none() && event.query_string_parameters.is_empty());
    }

    #[test]
    fn another_service_s_event_is_refused() {
        for text in [
            "{}",
            r#"{"Records":[]}"#,
            r#"{"httpMethod":"GET"}"#,
            r#"{"version":"2.0","requestContext":{"http":{}}}"#,
        ] {
            assert!(serde_json::from_str::<RestEvent>(text).is_err(), "{text}");
        }
    }
}
