//! The event of a REST API's Lambda proxy integration.
//!
//! As REST APIs do: `path` and the path parameter keep the percent-encoding that was sent, query
//! parameters are decoded, of several equal names the single-valued maps keep the last, and a map
//! without entries is `null`. (HTTP APIs decode the path; this is not one.)

use super::resource::Matched;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::SystemTime;
use time::OffsetDateTime;

/// The caller, where it signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub access_key: Option<String>,
    pub account: Option<String>,
    /// Such as `AROA...:session`.
    pub user: Option<String>,
    pub user_arn: Option<String>,
}

/// What the API adds to a request.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub account: String,
    pub api_id: String,
    pub stage: String,
    pub stage_variables: BTreeMap<String, String>,
    pub request_id: String,
    pub trace_id: String,
    pub source_ip: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    pub port: u16,
    pub at: SystemTime,
    pub identity: Identity,
}

/// The event for a request to the resource that `matched` names.
pub fn rest_proxy_event(parts: &Parts, body: &Bytes, matched: &Matched, arrival: &Arrival) -> Value {
    let path = parts.uri.path();
    let Matched { resource, parameters } = matched;
    let headers = with_forwarding(&parts.headers, arrival);
    let query = query(parts.uri.query().unwrap_or_default());
    let (body, encoded) = body_text(body);
    json!({
        "resource": resource,
        "path": path,
        "httpMethod": parts.method.as_str(),
        "headers": single(&values(&headers)),
        "multiValueHeaders": multiple(&values(&headers)),
        "queryStringParameters": single(&query),
        "multiValueQueryStringParameters": multiple(&query),
        "pathParameters": (!parameters.is_empty()).then_some(parameters),
        "stageVariables": (!arrival.stage_variables.is_empty()).then_some(&arrival.stage_variables),
        "requestContext": context(parts, path, resource, &headers, arrival),
        "body": body,
        "isBase64Encoded": encoded,
    })
}

fn context(parts: &Parts, path: &str, resource: &str, headers: &HeaderMap, arrival: &Arrival) -> Value {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let domain = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    let since = arrival.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    json!({
        "accountId": arrival.account,
        "apiId": arrival.api_id,
        "deploymentId": "local",
        "domainName": domain,
        "domainPrefix": domain.split('.').next(),
        "extendedRequestId": arrival.request_id,
        "httpMethod": parts.method.as_str(),
        "identity": {
            "accessKey": arrival.identity.access_key,
            "accountId": arrival.identity.account,
            "caller": arrival.identity.user,
            "cognitoAuthenticationProvider": null,
            "cognitoAuthenticationType": null,
            "cognitoIdentityId": null,
            "cognitoIdentityPoolId": null,
            "principalOrgId": null,
            "sourceIp": arrival.source_ip,
            "user": arrival.identity.user,
            "userAgent": text(header::USER_AGENT),
            "userArn": arrival.identity.user_arn,
        },
        "path": path,
        "protocol": "HTTP/1.1",
        "requestId": arrival.request_id,
        "requestTime": request_time(arrival.at),
        "requestTimeEpoch": u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        "resourceId": if resource == "/" { "root00" } else { "proxy0" },
        "resourcePath": resource,
        "stage": arrival.stage,
    })
}

/// `10/Jul/2024:12:28:36 +0000`
fn request_time(at: SystemTime) -> String {
    let format =
        time::macros::format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");
    OffsetDateTime::from(at).format(&format).unwrap_or_default()
}

fn with_forwarding(sent: &HeaderMap, arrival: &Arrival) -> HeaderMap {
    let mut headers = sent.clone();
    // Of the connection, not of the message.
    for hop in [header::CONNECTION, header::TRANSFER_ENCODING, header::TE, header::UPGRADE] {
        headers.remove(hop);
    }
    let before = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let through = match before {
        Some(before) => format!("{before}, {}", arrival.source_ip),
        None => arrival.source_ip.clone(),
    };
    for (name, value) in [
        ("x-forwarded-for", through.as_str()),
        ("x-forwarded-port", &arrival.port.to_string()),
        ("x-forwarded-proto", arrival.scheme),
        ("x-amzn-trace-id", &arrival.trace_id),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers
}

type Values = BTreeMap<String, Vec<String>>;

/// Header names come as HTTP/2 clients send them: in small letters, but for those that the
/// gateway writes itself.
fn values(headers: &HeaderMap) -> Values {
    let mut all = Values::new();
    for (name, value) in headers {
        let name = match name.as_str() {
            "host" => "Host",
            "x-forwarded-for" => "X-Forwarded-For",
            "x-forwarded-port" => "X-Forwarded-Port",
            "x-forwarded-proto" => "X-Forwarded-Proto",
            "x-amzn-trace-id" => "X-Amzn-Trace-Id",
            other => other,
        };
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        all.entry(name.to_owned()).or_default().push(value);
    }
    all
}

fn query(raw: &str) -> Values {
    let mut all = Values::new();
    for (name, value) in url::form_urlencoded::parse(raw.as_bytes()).into_owned() {
        all.entry(name).or_default().push(value);
    }
    all
}

fn single(values: &Values) -> Value {
    let last = |(name, all): (&String, &Vec<String>)| {
        (name.clone(), all.last().map_or(Value::Null, |value| Value::from(value.as_str())))
    };
    or_null(values.iter().map(last).collect())
}

fn multiple(values: &Values) -> Value {
    or_null(values.iter().map(|(name, all)| (name.clone(), Value::from(all.clone()))).collect())
}

fn or_null(map: Map<String, Value>) -> Value {
    if map.is_empty() { Value::Null } else { Value::Object(map) }
}

fn body_text(body: &Bytes) -> (Value, bool) {
    if body.is_empty() {
        return (Value::Null, false);
    }
    match std::str::from_utf8(body) {
        Ok(text) => (Value::from(text), false),
        Err(_) => (Value::from(STANDARD.encode(body)), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(method: &str, target: &str, headers: &[(&str, &str)], body: &'static [u8]) -> Value {
        let mut request = http::Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let arrival = Arrival {
            account: "111111111111".to_owned(),
            api_id: "local00000".to_owned(),
            stage: "test".to_owned(),
            stage_variables: BTreeMap::new(),
            request_id: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef".to_owned(),
            trace_id: "Root=1-668e7e94-0123456789abcdef01234567".to_owned(),
            source_ip: "127.0.0.1".to_owned(),
            scheme: "https",
            port: 443,
            at: SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_720_614_516),
            identity: Identity::default(),
        };
        let anything = crate::lambda::resource::ANYTHING.map(str::to_owned);
        let matched = crate::lambda::resource::matching(&anything, parts.uri.path()).unwrap();
        rest_proxy_event(&parts, &Bytes::from_static(body), &matched, &arrival)
    }

    /// The cases that localstack's repository records from AWS (`test_lambda_aws_proxy_integration`,
    /// 10 July 2024).
    #[test]
    fn path_and_query_are_passed_as_rest_apis_pass_them() {
        let encoded =
            event("GET", "/test-path/api/user/test%2Balias@gmail.com/plus/test+alias@gmail.com", &[], b"");
        assert_eq!(encoded["path"], "/test-path/api/user/test%2Balias@gmail.com/plus/test+alias@gmail.com");
        let proxy = &encoded["pathParameters"]["proxy"];
        assert_eq!(proxy, "test-path/api/user/test%2Balias@gmail.com/plus/test+alias@gmail.com");
        assert!(encoded["queryStringParameters"].is_null());
        assert!(encoded["multiValueQueryStringParameters"].is_null());
        assert!(encoded["body"].is_null());
        assert!(encoded["stageVariables"].is_null());

        let slash = event("GET", "/test-path/?urlparam=test", &[], b"");
        assert_eq!(slash["path"], "/test-path/");
        assert_eq!(slash["pathParameters"]["proxy"], "test-path");

        let query = event(
            "GET",
            "/api?plus=test+alias@gmail.com&email=test%2Balias@gmail.com&price=10&price=30",
            &[],
            b"",
        );
        assert_eq!(query["queryStringParameters"]["plus"], "test alias@gmail.com");
        assert_eq!(query["queryStringParameters"]["email"], "test+alias@gmail.com");
        assert_eq!(query["queryStringParameters"]["price"], "30");
        assert_eq!(query["multiValueQueryStringParameters"]["price"], json!(["10", "30"]));
    }

    #[test]
    fn the_root_is_a_resource_of_its_own() {
        let root = event("GET", "/", &[], b"");
        assert_eq!(root["resource"], "/");
        assert!(root["pathParameters"].is_null());
    }

    #[test]
    fn bodies_are_text_or_base64() {
        let text = event("POST", "/x", &[], b"{\"message\": \"hello world\"}");
        assert_eq!(
            (&text["body"], &text["isBase64Encoded"]),
            (&json!("{\"message\": \"hello world\"}"), &json!(false))
        );
        let bytes = event("POST", "/x", &[], b"\xff\x00");
        assert_eq!((&bytes["body"], &bytes["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
    }

    #[test]
    fn the_request_context_is_complete() {
        let event = event("GET", "/test-path", &[("host", "api.example.com"), ("user-agent", "curl/8")], b"");
        let context = event["requestContext"].as_object().unwrap();
        let names: Vec<&str> = context.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "accountId",
                "apiId",
                "deploymentId",
                "domainName",
                "domainPrefix",
                "extendedRequestId",
                "httpMethod",
                "identity",
                "path",
                "protocol",
                "requestId",
                "requestTime",
                "requestTimeEpoch",
                "resourceId",
                "resourcePath",
                "stage",
            ]
        );
        assert_eq!(context["requestTime"], "10/Jul/2024:12:28:36 +0000");
        assert_eq!(context["domainName"], "api.example.com");
        assert_eq!(context["identity"].as_object().unwrap().len(), 12);
        assert_eq!(event["headers"]["Host"], "api.example.com");
        assert_eq!(event["multiValueHeaders"]["X-Forwarded-Proto"], json!(["https"]));
    }
}
