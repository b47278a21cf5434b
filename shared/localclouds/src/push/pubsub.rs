//! A push subscription of Pub/Sub with authentication, on a topic that a bucket notifies.
//!
//! "Push subscriptions", "Authentication for push subscriptions" and "Pub/Sub notifications for Cloud
//! Storage".

use super::{Delivered, Parcel, Rules, as_documented};
use crate::faults;
use crate::google::accounts;
use crate::jwt::{Algorithm, KeyError};
use crate::local::Handle;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The numeric id of the service account that the subscription is given.
pub const SERVICE_ACCOUNT_ID: &str = "113774264463038321964";

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// From 100 ms to 60 s.
const RULES: Rules = Rules {
    pauses: &[millis(100), millis(1_000), millis(10_000), millis(60_000)],
    is_success: |status| matches!(status.as_u16(), 102 | 200 | 201 | 202 | 204),
    is_final: |_| false,
};
/// Pub/Sub goes on for as long as it retains messages.
const ATTEMPTS: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadFormat {
    JsonApiV1,
    None,
}

pub struct Subscription {
    pub handle: Handle,
    pub client: reqwest::Client,
    pub url: String,
    /// By default the URL itself.
    pub audience: String,
    pub service_account: String,
    pub attempts: usize,
    pub pace: fn(Duration) -> Duration,
}

impl Subscription {
    pub fn new(handle: Handle, client: reqwest::Client, url: &str, service_account: &str) -> Self {
        Self {
            handle,
            client,
            url: url.to_owned(),
            audience: url.to_owned(),
            service_account: service_account.to_owned(),
            attempts: ATTEMPTS,
            pace: as_documented,
        }
    }

    pub fn claims(&self) -> Value {
        let now = faults::now_seconds();
        json!({
            "iss": accounts::issuer(&self.handle),
            "aud": self.audience,
            "azp": SERVICE_ACCOUNT_ID, "sub": SERVICE_ACCOUNT_ID,
            "email": self.service_account, "email_verified": true,
            "iat": now, "exp": now + 3600,
        })
    }

    pub fn token(&self) -> Result<String, KeyError> {
        self.handle.google_keys()?.sign(&self.claims(), Algorithm::Rs256)
    }

    /// Delivers a message, again until it is acknowledged.
    pub async fn deliver(&self, message: &Value) -> Result<Delivered, KeyError> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.token()?))
            .map_err(|_| KeyError("a token that is no header"))?;
        bearer.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, bearer);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = message.to_string();
        let parcel = Parcel {
            client: &self.client,
            url: &self.url,
            headers,
            body,
            attempts: self.attempts,
            pace: self.pace,
        };
        Ok(parcel.deliver(&RULES).await)
    }
}

/// A wrapped message with a bucket's notification, e.g. of `OBJECT_FINALIZE`.
pub fn notification(bucket: &str, name: &str, event: &str, generation: &str, format: PayloadFormat) -> Value {
    let now = OffsetDateTime::from(faults::now()).format(&Rfc3339).unwrap_or_default();
    let id = message_id();
    let mut message = json!({
        "attributes": {
            "notificationConfig": format!("projects/_/buckets/{bucket}/notificationConfigs/1"),
            "eventType": event,
            "payloadFormat": match format {
                PayloadFormat::JsonApiV1 => "JSON_API_V1",
                PayloadFormat::None => "NONE",
            },
            "bucketId": bucket,
            "objectId": name,
            "objectGeneration": generation,
            "eventTime": now,
        },
        "messageId": id, "message_id": id,
        "publishTime": now, "publish_time": now,
    });
    if format == PayloadFormat::JsonApiV1 {
        let object = json!({
            "kind": "storage#object", "id": format!("{bucket}/{name}/{generation}"),
            "name": name, "bucket": bucket, "generation": generation, "metageneration": "1",
        });
        message["data"] = STANDARD.encode(object.to_string()).into();
    }
    json!({ "message": message, "subscription": "projects/carnet-test/subscriptions/carnet" })
}

/// Such an id has many digits.
fn message_id() -> String {
    let id = uuid::Uuid::new_v4().as_u128();
    format!("{:016}", id % 10_000_000_000_000_000)
}
