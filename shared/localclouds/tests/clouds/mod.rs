//! The whole of the stand-ins, running on the example configuration, and a client that signs.

// Each test file uses a part of this.
#![allow(dead_code)]

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use carnet_localclouds::local::Handle;
use carnet_localclouds::{Local, Options, World};
use carnet_trust::config::Config;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub const CONFIG: &str = include_str!("../../../../carnet.toml");
pub const AUDIENCE: &str = "api://AzureADTokenExchange";
pub const ROLE: &str = "carnet-eu-central-1-blob-api";

pub struct Clouds {
    pub local: Local,
    pub http: reqwest::Client,
    folder: PathBuf,
}

pub fn world() -> World {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    World::from_config(&Config::parse(CONFIG).unwrap(), &base).unwrap()
}

pub async fn start() -> Clouds {
    start_with(world(), Options::default()).await
}

pub async fn start_with(world: World, options: Options) -> Clouds {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(uuid::Uuid::new_v4().to_string());
    let options = Options {
        folder: folder.clone(),
        functions: Some(Vec::new()),
        state_file: Some(folder.join("state.json")),
        ..options
    };
    let local = Local::start(world, options).await.unwrap();
    let http = client(&local.shared);
    Clouds { local, http, folder }
}

/// Trusts the stand-ins' CA and follows nothing.
pub fn client(handle: &Handle) -> reqwest::Client {
    reqwest::Client::builder()
        .tls_backend_preconfigured(handle.authority.client_config().unwrap())
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

impl Clouds {
    pub fn handle(&self) -> &Handle {
        &self.local.shared
    }

    pub fn state_file(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    /// The session of the function `blob-api`.
    pub fn function_signer(&self) -> Signer {
        let world = self.handle().world();
        let id = world.functions["blob-api"].access_key_id.clone();
        let key = &world.aws.access_keys[&id];
        Signer::new(&id, &key.secret, key.session_token.as_deref())
    }

    pub fn operator_signer(&self) -> Signer {
        let state = self.local.state();
        Signer::new(&state.aws.access_key_id, &state.aws.secret_access_key, None)
    }

    pub fn client_id(&self) -> String {
        self.local.state().entra.client_id
    }

    pub fn tenant_id(&self) -> String {
        self.local.state().entra.tenant_id
    }

    /// A call to STS as a query POST.
    pub async fn sts(&self, signer: &Signer, parameters: &[(&str, &str)]) -> (u16, String) {
        let mut form = vec![("Version", "2011-06-15")];
        form.extend_from_slice(parameters);
        self.query(&self.local.state().aws.sts, signer, &form).await
    }

    pub async fn query(&self, url: &str, signer: &Signer, form: &[(&str, &str)]) -> (u16, String) {
        let body = encode(form);
        let request = self.http.post(format!("{url}/")).body(body.clone());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let signed = signer.sign("POST", &format!("{url}/"), body.as_bytes());
        send(signed.into_iter().fold(request, |request, (name, value)| request.header(name, value))).await
    }

    pub async fn mint(&self) -> String {
        let (status, body) = self.sts(&self.function_signer(), &mint_parameters()).await;
        assert_eq!(status, 200, "{body}");
        tag(&body, "WebIdentityToken")
    }

    /// The token endpoint, asked as the function would, with some parameters replaced.
    pub async fn exchange(&self, assertion: &str, replaced: &[(&str, &str)]) -> (u16, Value) {
        let mut form = BTreeMap::from([
            ("grant_type".to_owned(), "client_credentials".to_owned()),
            ("client_id".to_owned(), self.client_id()),
            ("scope".to_owned(), "https://storage.azure.com/.default".to_owned()),
            (
                "client_assertion_type".to_owned(),
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned(),
            ),
            ("client_assertion".to_owned(), assertion.to_owned()),
        ]);
        let mut tenant = self.tenant_id();
        for (name, value) in replaced {
            match *name {
                "tenant" => tenant = (*value).to_owned(),
                _ => drop(form.insert((*name).to_owned(), (*value).to_owned())),
            }
        }
        let url = format!("{}/{tenant}/oauth2/v2.0/token", self.local.state().entra.authority);
        let pairs: Vec<(&str, &str)> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let request = self.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        let (status, body) = send(request.body(encode(&pairs))).await;
        (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("no JSON: {body}")))
    }
}

impl Drop for Clouds {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub fn mint_parameters() -> Vec<(&'static str, &'static str)> {
    vec![
        ("Action", "GetWebIdentityToken"),
        ("Audience.member.1", AUDIENCE),
        ("SigningAlgorithm", "RS256"),
        ("DurationSeconds", "300"),
    ]
}

/// [`mint_parameters`], one of them with another value.
pub fn mint_with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut parameters = mint_parameters();
    parameters.retain(|(known, _)| *known != name);
    parameters.push((name, value));
    parameters
}

pub async fn send(request: reqwest::RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

pub fn encode(form: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

pub async fn get_json(http: &reqwest::Client, url: &str) -> Value {
    let (_, body) = send(http.get(url)).await;
    serde_json::from_str(&body).unwrap_or_else(|_| panic!("no JSON at {url}: {body}"))
}

/// The text of an XML element.
pub fn tag(xml: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let start = xml.find(&open).unwrap_or_else(|| panic!("no {open} in {xml}")) + open.len();
    let end = start + xml[start..].find(&close).unwrap();
    xml[start..end].to_owned()
}

/// Signs with the AWS SDK's own code: the independent half of the check.
#[derive(Clone)]
pub struct Signer {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
    pub region: &'static str,
    pub service: &'static str,
    pub time: SystemTime,
}

impl Signer {
    pub fn new(id: &str, secret: &str, token: Option<&str>) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            token: token.map(str::to_owned),
            region: "eu-central-1",
            service: "sts",
            time: SystemTime::now(),
        }
    }

    /// The headers that make `url` a signed request.
    pub fn sign(&self, method: &str, url: &str, body: &[u8]) -> Vec<(String, String)> {
        self.sign_with(method, url, &[], SignableBody::Bytes(body), SigningSettings::default())
    }

    /// As S3 wants it: its paths are encoded once, and the digest of the body is a header.
    pub fn sign_s3(&self, url: &str, digest: &str) -> Vec<(String, String)> {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let body = SignableBody::Precomputed(digest.to_owned());
        self.sign_with("GET", url, &[("x-amz-content-sha256", digest)], body, settings)
    }

    fn sign_with(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: SignableBody,
        settings: SigningSettings,
    ) -> Vec<(String, String)> {
        let identity = Credentials::new(&self.id, &self.secret, self.token.clone(), None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(self.time)
            .settings(settings)
            .build()
            .unwrap();
        let request = SignableRequest::new(method, url, headers.iter().copied(), body).unwrap();
        let (instructions, _) = sign(request, &params.into()).unwrap().into_parts();
        let (headers, _) = instructions.into_parts();
        headers.into_iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect()
    }
}
