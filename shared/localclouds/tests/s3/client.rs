//! A client of S3: signed requests, answers as text.

use crate::clouds::{self, Clouds};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::SystemTime;

pub const BUCKET: &str = "carnet-demo-copies";

pub struct S3 {
    pub clouds: Clouds,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    /// The code of an error.
    pub fn code(&self) -> (u16, String) {
        (self.status, clouds::tag(&self.body, "Code"))
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}"));
        value.to_str().unwrap()
    }

    pub fn ok(self) -> Self {
        assert!((200..300).contains(&self.status), "{self:?}");
        self
    }
}

pub async fn start() -> S3 {
    S3 { clouds: clouds::start().await }
}

impl S3 {
    /// `path` is what follows the bucket: `/key?query`, encoded.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let state = self.clouds.local.state().aws;
        let url = format!("{}/{BUCKET}{path}", state.s3.endpoint);
        let credentials =
            Credentials::new(&state.access_key_id, &state.secret_access_key, None, None, "test").into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = v4::SigningParams::builder()
            .identity(&credentials)
            .region(&state.region)
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .unwrap();
        let signable =
            SignableRequest::new(method, &url, headers.iter().copied(), SignableBody::UnsignedPayload);
        let (instructions, _) = sign(signable.unwrap(), &params.into()).unwrap().into_parts();
        let (signed, _) = instructions.into_parts();
        let mut request = self.clouds.http.request(method.parse().unwrap(), url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        signed.into_iter().fold(request, |request, header| {
            request.header(header.name().to_owned(), header.value().to_owned())
        })
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        answer(self.request(method, path, headers).body(body)).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub async fn put(&self, path: &str, body: &'static str) -> Answer {
        self.send("PUT", path, &[], body).await
    }

    /// Begins an upload and gives its id.
    pub async fn begin(&self, key: &str, headers: &[(&str, &str)]) -> String {
        let begun = self.send("POST", &format!("/{key}?uploads="), headers, "").await.ok();
        clouds::tag(&begun.body, "UploadId")
    }
}

pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.text().await.unwrap() }
}

pub fn crc32c(bytes: &[u8]) -> String {
    STANDARD.encode(crc32c::crc32c(bytes).to_be_bytes())
}
