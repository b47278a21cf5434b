//! A bucket over a folder of its own, and a client that may read it.

use crate::support::{Folder, client, handle, world};
use carnet_localclouds::google::bearer::Bearer;
use carnet_localclouds::google_storage;
use carnet_localclouds::local::Handle;
use carnet_localclouds::server::{self, Listening, Transport};
use carnet_localclouds::world::Bucket;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use std::sync::LazyLock;
use std::time::Duration;

pub const READER: &str = "reader@project.iam.gserviceaccount.com";
pub const POOL: &str =
    "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*";
pub const READ_ONLY: &str = "https://www.googleapis.com/auth/devstorage.read_only";

/// Keys take a second to make: all tests share them, each with a bucket of its own.
static SHARED: LazyLock<Handle> = LazyLock::new(|| handle(world()));

pub struct Service {
    pub handle: Handle,
    pub listening: Listening,
    pub folder: Folder,
    pub bucket: String,
    pub client: reqwest::Client,
}

impl Service {
    pub async fn new() -> Self {
        let folder = Folder::new();
        let handle = SHARED.clone();
        let bucket = format!("files-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        let readers = [format!("serviceAccount:{READER}"), POOL.to_owned()].into();
        let entry = Bucket { folder: folder.path(), readers, uniform_access: true };
        handle.world_mut().google.buckets.insert(bucket.clone(), entry);
        let router = google_storage::router(handle.clone());
        let listening = server::serve(router, Transport::Plain).await.unwrap();
        Self { handle, listening, folder, bucket, client: client() }
    }

    /// A token for these members, as the token services give them out.
    pub fn token(&self, members: &[&str], federated: bool, scope: &str) -> String {
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        let bearer = Bearer { members, federated, scopes: [scope.to_owned()].into(), expires_at: 0 };
        self.handle.google_seal.issue(bearer, Duration::from_secs(3600))
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.listening.base_url)
    }

    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let token = self.token(&[&format!("serviceAccount:{READER}")], false, READ_ONLY);
        self.client.request(method, self.url(path)).bearer_auth(token)
    }

    /// The address of an object.
    pub fn object(&self, name: &str) -> String {
        format!("/storage/v1/b/{}/o/{}", self.bucket, utf8_percent_encode(name, NON_ALPHANUMERIC))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.call(Method::GET, path).send().await.unwrap()
    }

    pub async fn metadata(&self, name: &str) -> Value {
        json(self.get(&self.object(name)).await).await
    }

    pub async fn media(&self, name: &str) -> Response {
        self.get(&format!("{}?alt=media", self.object(name))).await
    }

    pub async fn list(&self, query: &str) -> Value {
        json(self.get(&format!("/storage/v1/b/{}/o?{query}", self.bucket)).await).await
    }

    /// Prefixes after names.
    pub async fn names(&self, query: &str) -> Vec<String> {
        names(&self.list(query).await)
    }
}

pub fn names(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().into_iter().flatten().map(|item| &item["name"]);
    let prefixes = page["prefixes"].as_array().into_iter().flatten();
    items.chain(prefixes).map(|name| name.as_str().unwrap().to_owned()).collect()
}

pub async fn json(response: Response) -> Value {
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-type"), "application/json; charset=UTF-8");
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

/// A refusal's message.
pub async fn refused(response: Response, status: u16, reason: &str) -> String {
    assert_eq!(response.status().as_u16(), status);
    assert!(!header(&response, "x-guploader-uploadid").is_empty());
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let error = &body["error"];
    assert_eq!((&error["code"], &error["errors"][0]["reason"]), (&status.into(), &reason.into()), "{body}");
    assert_eq!(error["errors"][0]["domain"], "global");
    assert_eq!(error["errors"][0]["message"], error["message"]);
    error["message"].as_str().unwrap().to_owned()
}
