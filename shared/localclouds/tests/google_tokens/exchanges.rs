//! The example configuration's clouds, asked as a client would: what the other files share.

use crate::clouds::{Clouds, Signer, encode, send};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use carnet_localclouds::google::bearer::Bearer;
use carnet_localclouds::jwt::Algorithm;
use carnet_localclouds::world::{AccessKey, Google, Pool, Provider};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

pub const POOL: &str = "projects/210987654321/locations/global/workloadIdentityPools/carnet";
pub const OIDC: &str = "aws-tokens";
pub const AWS: &str = "aws-roles";
pub const CLOUD_PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";
pub const STS_URL: &str =
    "https://sts.eu-central-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15";
pub const TARGET: &str = "x-goog-cloud-target-resource";

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
pub const AWS_REQUEST: &str = "urn:ietf:params:aws:token-type:aws4_request";

pub fn audience(provider: &str) -> String {
    format!("//iam.googleapis.com/{POOL}/providers/{provider}")
}

pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

pub fn google(clouds: &Clouds, change: impl FnOnce(&mut Google)) {
    change(&mut clouds.handle().world_mut().google);
}

pub fn pool(clouds: &Clouds, change: impl FnOnce(&mut Pool)) {
    google(clouds, |google| change(google.pools.get_mut(POOL).unwrap()));
}

pub fn provider(clouds: &Clouds, id: &str, change: impl FnOnce(&mut Provider)) {
    pool(clouds, |pool| change(pool.providers.get_mut(id).unwrap()));
}

pub fn map(clouds: &Clouds, id: &str, target: &str, cel: &str) {
    provider(clouds, id, |provider| drop(provider.trust.mapping.insert(target.to_owned(), cel.to_owned())));
}

pub fn condition(clouds: &Clouds, id: &str, cel: &str) {
    provider(clouds, id, |provider| provider.trust.condition = Some(cel.to_owned()));
}

/// The parameters of an exchange, by RFC 8693's names.
pub fn parameters(provider: &str, kind: &str, proof: &str) -> Vec<(&'static str, String)> {
    vec![
        ("grant_type", GRANT_TYPE.to_owned()),
        ("audience", audience(provider)),
        ("scope", CLOUD_PLATFORM.to_owned()),
        ("requested_token_type", ACCESS_TOKEN.to_owned()),
        ("subject_token_type", kind.to_owned()),
        ("subject_token", proof.to_owned()),
    ]
}

/// As a form, to `path`.
pub async fn post_form(clouds: &Clouds, path: &str, parameters: &[(&str, String)]) -> (u16, Value) {
    let pairs: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let request = clouds.http.post(format!("{}{path}", clouds.local.state().google.sts));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(encode(&pairs));
    json_of(send(request).await)
}

/// As JSON, to `path`.
pub async fn post_json(clouds: &Clouds, path: &str, body: &Value) -> (u16, Value) {
    let request = clouds.http.post(format!("{}{path}", clouds.local.state().google.sts));
    json_of(send(request.header("content-type", "application/json").body(body.to_string())).await)
}

pub fn json_of((status, body): (u16, String)) -> (u16, Value) {
    (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("no JSON: {body}")))
}

pub async fn trade_token(clouds: &Clouds, token: &str) -> (u16, Value) {
    post_form(clouds, "/v1/token", &parameters(OIDC, JWT, token)).await
}

pub async fn trade_request(clouds: &Clouds, request: &Request) -> (u16, Value) {
    post_form(clouds, "/v1/token", &parameters(AWS, AWS_REQUEST, &request.encoded())).await
}

/// The token of an answer, opened.
pub fn bearer(clouds: &Clouds, answer: &Value) -> Bearer {
    let token = answer["access_token"].as_str().or(answer["accessToken"].as_str());
    let header = format!("Bearer {}", token.unwrap_or_else(|| panic!("no token: {answer}")));
    clouds.handle().google_seal.open(Some(&header)).unwrap()
}

pub fn assert_refused(what: &str, (status, answer): (u16, Value), error: &str, begin: &str) {
    assert_eq!((status, answer["error"].as_str()), (400, Some(error)), "{what}: {answer}");
    let description = answer["error_description"].as_str().unwrap();
    assert!(description.starts_with(begin), "{what}: {description}");
}

/// What AWS would sign for the function.
pub fn claims(clouds: &Clouds) -> Value {
    json!({
        "iss": clouds.local.state().aws.issuer,
        "sub": "arn:aws:iam::123456789012:role/carnet-eu-central-1-gcs-api",
        "aud": audience(OIDC),
        "iat": now(),
        "exp": now() + 300,
        "jti": "0c1d",
    })
}

/// The function's claims, some replaced, signed by its account's issuer.
pub fn token(clouds: &Clouds, replaced: Value) -> String {
    let mut claims = claims(clouds);
    for (name, value) in replaced.as_object().unwrap() {
        claims[name] = value.clone();
    }
    clouds.handle().aws_keys.sign(&claims, Algorithm::Rs256).unwrap()
}

pub fn session(clouds: &Clouds, change: impl FnOnce(&mut AccessKey)) {
    let mut world = clouds.handle().world_mut();
    let id = world.functions["gcs-api"].access_key_id.clone();
    change(world.aws.access_keys.get_mut(&id).unwrap());
}

pub fn signer(clouds: &Clouds) -> Signer {
    let world = clouds.handle().world();
    let id = world.functions["gcs-api"].access_key_id.clone();
    let key = &world.aws.access_keys[&id];
    Signer::new(&id, &key.secret, key.session_token.as_deref())
}

/// A request that is not sent but handed over.
#[derive(Clone)]
pub struct Request {
    pub url: String,
    pub method: String,
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// `GetCallerIdentity`, signed by the AWS SDK's own code together with `extra` headers.
    pub fn signed(signer: &Signer, url: &str, extra: &[(&str, &str)]) -> Self {
        let identity =
            Credentials::new(&signer.id, &signer.secret, signer.token.clone(), None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(signer.region)
            .name(signer.service)
            .time(signer.time)
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let request =
            SignableRequest::new("POST", url, extra.iter().copied(), SignableBody::Bytes(b"")).unwrap();
        let (instructions, _) = sign(request, &params.into()).unwrap().into_parts();
        let (signed, _) = instructions.into_parts();
        let host = url.trim_start_matches("https://").split(['/', '?']).next().unwrap();
        let mut headers = vec![("host".to_owned(), host.to_owned())];
        headers.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        headers.extend(signed.into_iter().map(|h| (h.name().to_owned(), h.value().to_owned())));
        Self { url: url.to_owned(), method: "POST".to_owned(), headers }
    }

    /// As our function would: the target is signed too.
    pub fn of(signer: &Signer) -> Self {
        Self::signed(signer, STS_URL, &[(TARGET, &audience(AWS))])
    }

    pub fn header(&mut self, name: &str) -> &mut String {
        let found = self.headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name));
        &mut found.unwrap_or_else(|| panic!("no header {name}")).1
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    pub fn json(&self) -> Value {
        let headers = self.headers.iter().map(|(key, value)| json!({ "key": key, "value": value }));
        json!({ "url": self.url, "method": self.method, "headers": headers.collect::<Vec<_>>() })
    }

    pub fn encoded(&self) -> String {
        percent(&self.json().to_string())
    }
}

pub fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
