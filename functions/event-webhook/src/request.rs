//! What API Gateway hands over: "Input format of a Lambda function for proxy integration".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// "Message delivery and retry" of Event Grid: a batch is about 1 MB at most; Pub/Sub sends one message.
const LONGEST_BODY: usize = 2 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub http_method: String,
    pub resource: String,
    /// Every value of a repeated header.
    #[serde(default, deserialize_with = "or_default")]
    multi_value_headers: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    #[serde(rename = "requestContext")]
    _request_context: serde::de::IgnoredAny,
}

/// API Gateway writes `null` for a map without entries.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// What cannot be read of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    TooLong,
    NoText,
}

impl Request {
    pub fn read(event: &RawValue) -> Result<Self, serde_json::Error> {
        serde_json::from_str(event.get())
    }

    /// A header that was sent once. Of one that was sent twice nobody can say which counts.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .multi_value_headers
            .iter()
            .filter(|(sent, _)| sent.eq_ignore_ascii_case(name))
            .flat_map(|(_, values)| values);
        match (values.next(), values.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    pub fn body(&self) -> Result<Cow<'_, str>, Unreadable> {
        let body = self.body.as_deref().unwrap_or_default();
        let most = if self.is_base64_encoded { LONGEST_BODY.div_ceil(3) * 4 } else { LONGEST_BODY };
        if body.len() > most {
            return Err(Unreadable::TooLong);
        }
        if !self.is_base64_encoded {
            return Ok(body.into());
        }
        let bytes = STANDARD.decode(body).map_err(|_| Unreadable::NoText)?;
        String::from_utf8(bytes).map(Cow::from).map_err(|_| Unreadable::NoText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(more: &str) -> Request {
        let text = format!(
            r#"{{"resource":"/events/azure","httpMethod":"POST","requestContext":{{}},"headers":null,{more}}}"#
        );
        Request::read(&RawValue::from_string(text).unwrap()).unwrap()
    }

    #[test]
    fn a_header_counts_if_it_was_sent_once() {
        let sent =
            request(r#""multiValueHeaders":{"AUTHORIZATION":["a"],"X":["1","2"],"Y":["1"],"y":["2"]}"#);
        assert_eq!(
            (sent.header("Authorization"), sent.header("x"), sent.header("y")),
            (Some("a"), None, None)
        );
        assert_eq!(request(r#""multiValueHeaders":null"#).header("x"), None);
    }

    #[test]
    fn a_body_is_text_within_bounds() {
        assert_eq!(request(r#""body":"[]""#).body().unwrap(), "[]");
        assert_eq!(request(r#""body":"W10=","isBase64Encoded":true"#).body().unwrap(), "[]");
        assert_eq!(request(r#""body":"/w==","isBase64Encoded":true"#).body(), Err(Unreadable::NoText));
        let long = format!(r#""body":"{}""#, "x".repeat(LONGEST_BODY + 1));
        assert_eq!(request(&long).body(), Err(Unreadable::TooLong));
    }
}
