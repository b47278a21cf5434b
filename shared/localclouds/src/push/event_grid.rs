//! An event subscription of Event Grid, with a webhook that is protected by Microsoft Entra.
//!
//! "Event Grid message delivery and retry", "Deliver events to Microsoft Entra protected endpoints",
//! "Azure Blob Storage as an Event Grid source", "Endpoint validation with CloudEvents schema" and
//! "... with Event Grid events".

use super::{Delivered, Parcel, Rules, as_documented};
use crate::faults;
use crate::jwt::{Algorithm, KeyError};
use crate::local::Handle;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Event Grid's own application, the same in every tenant of the public cloud: it stands in the scripts
/// of "Deliver events to Microsoft Entra protected endpoints".
pub const EVENT_GRID: &str = "4962773b-9cdb-44cf-a8bf-237846a00ab7";
/// Its service principal is another in each tenant.
pub const EVENT_GRID_OBJECT: &str = "eeeeeeee-1111-4222-8333-444444444444";
pub const ORIGIN: &str = "eventgrid.azure.net";

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const RULES: Rules = Rules {
    pauses: &[
        seconds(10),
        seconds(30),
        seconds(60),
        seconds(300),
        seconds(600),
        seconds(1800),
        seconds(3600),
    ],
    is_success: |status| matches!(status.as_u16(), 200..=204),
    is_final: |status| matches!(status.as_u16(), 400 | 401 | 403 | 413),
};
/// The default of a subscription.
const ATTEMPTS: usize = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    EventGrid,
    CloudEvents,
}

/// Which version of access tokens the door's application asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    One,
    Two,
}

pub struct Subscription {
    pub handle: Handle,
    pub client: reqwest::Client,
    pub url: String,
    pub schema: Schema,
    /// The application id or URI that tokens are asked for.
    pub audience: String,
    pub version: Version,
    pub attempts: usize,
    pub pace: fn(Duration) -> Duration,
}

/// What happened to a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened<'h> {
    Created,
    Deleted,
    /// To this name.
    Renamed(&'h str),
}

impl Subscription {
    pub fn new(handle: Handle, client: reqwest::Client, url: &str, schema: Schema, audience: &str) -> Self {
        Self {
            handle,
            client,
            url: url.to_owned(),
            schema,
            audience: audience.to_owned(),
            version: Version::One,
            attempts: ATTEMPTS,
            pace: as_documented,
        }
    }

    /// The claims of an application's access token, as Entra gives it to Event Grid.
    pub fn claims(&self) -> Value {
        let tenant = self.handle.world().entra.tenant_id.clone();
        let now = faults::now_seconds();
        let mut claims = json!({
            "aud": self.audience,
            "iat": now, "nbf": now, "exp": now + 3600,
            "oid": EVENT_GRID_OBJECT, "sub": EVENT_GRID_OBJECT, "tid": tenant,
            "roles": ["AzureEventGridSecureWebhookSubscriber"],
            "uti": uuid::Uuid::new_v4().simple().to_string(),
        });
        let authority = self.handle.endpoints.get().map(|all| all.entra_authority.clone());
        let more = match self.version {
            Version::One => json!({
                "iss": format!("https://sts.windows.net/{tenant}/"),
                "idp": format!("https://sts.windows.net/{tenant}/"),
                "appid": EVENT_GRID, "appidacr": "2", "ver": "1.0",
            }),
            Version::Two => json!({
                "iss": format!("{}/{tenant}/v2.0", authority.unwrap_or_default()),
                "azp": EVENT_GRID, "azpacr": "2", "ver": "2.0",
            }),
        };
        if let (Some(claims), Value::Object(more)) = (claims.as_object_mut(), more) {
            claims.extend(more);
        }
        claims
    }

    pub fn token(&self) -> Result<String, KeyError> {
        self.handle.entra_keys.sign(&self.claims(), Algorithm::Rs256)
    }

    /// The handshake at the creation of a subscription: whether it may deliver there.
    pub async fn validate(&self) -> Result<bool, KeyError> {
        match self.schema {
            Schema::EventGrid => self.validate_by_event().await,
            Schema::CloudEvents => Ok(self.validate_by_options().await),
        }
    }

    async fn validate_by_event(&self) -> Result<bool, KeyError> {
        let code = uuid::Uuid::new_v4().to_string();
        let body = json!([{
            "id": uuid::Uuid::new_v4().to_string(),
            "topic": "/subscriptions/00000000-0000-0000-0000-000000000000",
            "subject": "",
            "data": {
                "validationCode": code,
                "validationUrl": "https://rp-westeurope.eventgrid.azure.net:553/eventsubscriptions/carnet/validate",
            },
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "eventTime": now(),
            "metadataVersion": "1",
            "dataVersion": "1",
        }]);
        let headers = self.headers("SubscriptionValidation")?;
        let sent = self.client.post(&self.url).headers(headers).body(body.to_string()).send().await;
        let Ok(response) = sent else { return Ok(false) };
        // "HTTP 202 Accepted is not recognized as a valid response".
        let right = response.status() == StatusCode::OK;
        let answer: Value =
            serde_json::from_slice(&response.bytes().await.unwrap_or_default()).unwrap_or_default();
        Ok(right && answer["validationResponse"] == code)
    }

    async fn validate_by_options(&self) -> bool {
        let request = self
            .client
            .request(Method::OPTIONS, &self.url)
            .header("WebHook-Request-Origin", ORIGIN)
            .header("WebHook-Request-Rate", "120");
        let Ok(response) = request.send().await else { return false };
        let told = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let origin =
            told("WebHook-Allowed-Origin").is_some_and(|allowed| allowed == "*" || allowed == ORIGIN);
        let rate = told("WebHook-Allowed-Rate")
            .is_some_and(|rate| rate == "*" || rate.parse::<u32>().is_ok_and(|rate| rate > 0));
        response.status().is_success() && origin && rate
    }

    /// Delivers events, again where the answer is one that is tried again.
    pub async fn deliver(&self, events: &[Value]) -> Result<Delivered, KeyError> {
        let body = match (self.schema, events) {
            // "By default, Event Grid delivers one event at a time"; of CloudEvents one is no array.
            (Schema::CloudEvents, [one]) => one.to_string(),
            _ => Value::from(events).to_string(),
        };
        let parcel = Parcel {
            client: &self.client,
            url: &self.url,
            headers: self.headers("Notification")?,
            body,
            attempts: self.attempts,
            pace: self.pace,
        };
        Ok(parcel.deliver(&RULES).await)
    }

    fn headers(&self, kind: &'static str) -> Result<HeaderMap, KeyError> {
        let mut headers = HeaderMap::new();
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.token()?))
            .map_err(|_| KeyError("a token that is no header"))?;
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
        let content_type = match self.schema {
            Schema::EventGrid => "application/json; charset=utf-8",
            Schema::CloudEvents => "application/cloudevents+json; charset=utf-8",
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        match self.schema {
            Schema::EventGrid => headers.insert("aeg-event-type", HeaderValue::from_static(kind)),
            Schema::CloudEvents => headers.insert("WebHook-Request-Origin", HeaderValue::from_static(ORIGIN)),
        };
        Ok(headers)
    }

    /// An event about a blob, in this subscription's schema.
    pub fn event(&self, account: &str, container: &str, name: &str, happened: Happened<'_>) -> Value {
        let resource = format!(
            "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/Storage/providers/Microsoft.Storage/storageAccounts/{account}"
        );
        let url = |name: &str| format!("https://{account}.blob.core.windows.net/{container}/{name}");
        let file = |name: &str| format!("https://{account}.dfs.core.windows.net/{container}/{name}");
        let (kind, subject, data) = match happened {
            Happened::Created => {
                ("Microsoft.Storage.BlobCreated", name, json!({ "api": "PutBlob", "url": url(name) }))
            }
            Happened::Deleted => {
                ("Microsoft.Storage.BlobDeleted", name, json!({ "api": "DeleteBlob", "url": url(name) }))
            }
            Happened::Renamed(to) => {
                let data =
                    json!({ "api": "RenameFile", "sourceUrl": file(name), "destinationUrl": file(to) });
                ("Microsoft.Storage.BlobRenamed", to, data)
            }
        };
        let subject = format!("/blobServices/default/containers/{container}/blobs/{subject}");
        let id = uuid::Uuid::new_v4().to_string();
        match self.schema {
            Schema::EventGrid => json!({
                "topic": resource, "subject": subject, "eventType": kind, "eventTime": now(), "id": id,
                "data": data, "dataVersion": "", "metadataVersion": "1",
            }),
            Schema::CloudEvents => json!({
                "source": resource, "subject": subject, "type": kind, "time": now(), "id": id,
                "data": data, "specversion": "1.0",
            }),
        }
    }
}

fn now() -> String {
    OffsetDateTime::from(faults::now()).format(&Rfc3339).unwrap_or_default()
}
