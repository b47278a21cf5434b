//! AWS's query protocol: a form of parameters in, XML out.

use super::sigv4::{self, Principal, SigV4Fault};
use crate::faults;
use crate::local::Handle;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Deref;
use uuid::Uuid;

/// More than any call to these two services needs.
const MAX_BODY: usize = 256 * 1024;

/// A service's fault, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceError {
    pub code: &'static str,
    pub status: StatusCode,
    pub message: String,
}

impl ServiceError {
    pub fn new(code: &'static str, status: StatusCode, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into() }
    }

    /// The way AWS words a parameter outside its limits.
    pub fn validation(value: &str, field: &str, constraint: &str) -> Self {
        let message = format!(
            "1 validation error detected: Value {value} at '{field}' failed to satisfy constraint: {constraint}"
        );
        Self::new("ValidationError", StatusCode::BAD_REQUEST, message)
    }
}

impl From<SigV4Fault> for ServiceError {
    fn from(fault: SigV4Fault) -> Self {
        Self { code: fault.code, status: fault.status, message: fault.message }
    }
}

/// Which service answers.
pub struct Service {
    pub name: &'static str,
    pub version: &'static str,
    pub namespace: &'static str,
    /// Where its requests must be signed for.
    pub regions: fn(region: &str) -> Vec<String>,
}

/// A signed call, its signature checked.
pub struct Call {
    pub caller: Principal,
    pub action: String,
    form: Form,
}

impl Deref for Call {
    type Target = Form;

    fn deref(&self) -> &Form {
        &self.form
    }
}

/// A call's parameters.
#[derive(Default)]
pub struct Form {
    parameters: BTreeMap<String, String>,
}

impl Form {
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// `Name.member.1`, `Name.member.2`, ...: their values, in the order of their numbers.
    pub fn members(&self, name: &str) -> Vec<String> {
        let prefix = format!("{name}.member.");
        let mut members: Vec<(usize, &String)> = self
            .parameters
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.parse().ok()?, value)))
            .collect();
        members.sort();
        members.into_iter().map(|(_, value)| value.clone()).collect()
    }

    /// `Name.member.1.Key` and `Name.member.1.Value`, ...
    pub fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for number in 1.. {
            let field = |part| self.parameter(&format!("{name}.member.{number}.{part}"));
            match (field("Key"), field("Value")) {
                (None, None) => break,
                (key, value) => {
                    pairs.push((key.unwrap_or_default().to_owned(), value.unwrap_or_default().to_owned()));
                }
            }
        }
        pairs
    }
}

/// A request as it came: whether somebody signed it is not looked at yet.
pub struct Received {
    parts: Parts,
    body: Bytes,
    pub form: Form,
}

impl Received {
    pub fn action(&self) -> &str {
        self.form.parameter("Action").unwrap_or_default()
    }

    /// Whether it asks for this action, in the version that knows it.
    pub fn asks_for(&self, service: &Service, action: &str) -> bool {
        self.action() == action && self.form.parameter("Version") == Some(service.version)
    }
}

/// Checks the signature, reads the form, and lets `act` answer with the XML inside the result.
pub async fn answer(
    handle: Handle,
    service: &Service,
    request: Request,
    act: impl FnOnce(&Handle, &Call) -> Result<String, ServiceError>,
) -> Response {
    let received = receive(request).await;
    respond(service, received.and_then(|received| answer_signed(&handle, service, received, act)))
}

/// As [`answer`], of a request that was received: the action, and the XML inside its result.
pub fn answer_signed(
    handle: &Handle,
    service: &Service,
    received: Received,
    act: impl FnOnce(&Handle, &Call) -> Result<String, ServiceError>,
) -> Result<(String, String), ServiceError> {
    let call = signed(handle, service, received)?;
    let action = format!("{}:{}", service.name, call.action);
    handle.trail.record(&call.caller.role, call.caller.session(), &action);
    act(handle, &call).map(|result| (call.action, result))
}

/// The whole answer.
pub fn respond(service: &Service, outcome: Result<(String, String), ServiceError>) -> Response {
    let request_id = Uuid::new_v4().to_string();
    let (status, xml) = match outcome {
        Ok((action, result)) => (StatusCode::OK, success(service, &action, &result, &request_id)),
        Err(error) => (error.status, failure(service, &error, &request_id)),
    };
    let mut response = Response::new(Body::from(xml));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    let date = httpdate::fmt_http_date(faults::now());
    for (name, value) in [("x-amzn-requestid", request_id), (DATE.as_str(), date)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

pub async fn receive(request: Request) -> Result<Received, ServiceError> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| {
        ServiceError::new("RequestEntityTooLarge", StatusCode::PAYLOAD_TOO_LARGE, "Request too large")
    })?;
    let query = parts.uri.query().unwrap_or("").as_bytes();
    let form = if parts.method == Method::POST { &body[..] } else { query };
    let form = Form { parameters: url::form_urlencoded::parse(form).into_owned().collect() };
    Ok(Received { parts, body, form })
}

fn signed(handle: &Handle, service: &Service, received: Received) -> Result<Call, ServiceError> {
    let region = {
        let world = handle.world();
        world.aws.region.clone()
    };
    let Received { parts, body, form } = received;
    let caller = sigv4::verify_in(handle, &parts, &body, service.name, &(service.regions)(&region))?;
    let get = |name: &str| form.parameter(name).unwrap_or_default().to_owned();
    let action = get("Action");
    if action.is_empty() {
        return Err(ServiceError::new("MissingAction", StatusCode::BAD_REQUEST, "Missing Action"));
    }
    let version = get("Version");
    if version != service.version {
        return Err(unknown_action(&action, &version));
    }
    Ok(Call { caller, action, form })
}

pub fn unknown_action(action: &str, version: &str) -> ServiceError {
    let message = format!("Could not find operation {action} for version {version}");
    ServiceError::new("InvalidAction", StatusCode::BAD_REQUEST, message)
}

fn success(service: &Service, action: &str, result: &str, request_id: &str) -> String {
    let namespace = service.namespace;
    let result =
        if result.is_empty() { String::new() } else { format!("<{action}Result>{result}</{action}Result>") };
    format!(
        "<{action}Response xmlns=\"{namespace}\">{result}<ResponseMetadata><RequestId>{request_id}</RequestId>\
         </ResponseMetadata></{action}Response>"
    )
}

fn failure(service: &Service, error: &ServiceError, request_id: &str) -> String {
    let namespace = service.namespace;
    let party = if error.status.is_server_error() { "Receiver" } else { "Sender" };
    let mut xml = format!("<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{party}</Type>");
    xml.push_str(&element("Code", error.code));
    xml.push_str(&element("Message", &error.message));
    // Writing into a String does not fail.
    let _ = write!(xml, "</Error><RequestId>{request_id}</RequestId></ErrorResponse>");
    xml
}

/// `<name>text</name>`
pub fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", quick_xml::escape::partial_escape(text))
}
