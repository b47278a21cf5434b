//! An account over a folder of its own, and a client that may read it.

use crate::support::{self, Folder, client, handle, token, world};
use carnet_localclouds::azure_blob;
use carnet_localclouds::local::Handle;
use carnet_localclouds::server::{self, Listening, Transport};
use http::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, Response};
use std::sync::LazyLock;

pub const READER: &str = "99999999-0000-0000-0000-000000000001";

/// Keys take a second to make: all tests share them, each with an account of its own.
static SHARED: LazyLock<Handle> = LazyLock::new(|| handle(world()));

/// An account with a container `docs` over a folder.
pub struct Service {
    pub handle: Handle,
    pub listening: Listening,
    pub folder: Folder,
    pub account: String,
    pub client: reqwest::Client,
}

impl Service {
    pub async fn new(hierarchical: bool) -> Self {
        let folder = Folder::new();
        let handle = SHARED.clone();
        let account = format!("files{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        let entry = support::account(folder.path(), &[READER], hierarchical);
        handle.world_mut().azure.accounts.insert(account.clone(), entry);
        let router = azure_blob::router(handle.clone());
        let listening = server::serve(router, Transport::Plain).await.unwrap();
        Self { handle, listening, folder, account, client: client() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/{}/{path}", self.listening.base_url, self.account)
    }

    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, self.url(path))
            .bearer_auth(token(&self.handle, READER, "https://storage.azure.com"))
            .header("x-ms-version", "2026-04-06")
    }

    pub async fn get(&self, path: &str) -> Response {
        self.call(Method::GET, path).send().await.unwrap()
    }

    pub async fn list(&self, query: &str) -> String {
        let response = self.get(&format!("docs?restype=container&comp=list{query}")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/xml");
        response.text().await.unwrap()
    }

    pub async fn names(&self, query: &str) -> Vec<String> {
        texts(&self.list(query).await, "Name")
    }
}

/// The texts of all elements of a name, in order.
pub fn texts(xml: &str, tag: &str) -> Vec<String> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    xml.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap().to_owned()).collect()
}

pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

pub async fn refused(response: Response, status: u16, code: &str) -> String {
    assert_eq!((response.status().as_u16(), header(&response, "x-ms-error-code")), (status, code));
    let id = header(&response, "x-ms-request-id").to_owned();
    let body = response.text().await.unwrap();
    assert!(body.contains(&format!("<Code>{code}</Code>")), "{body}");
    assert!(body.contains(&format!("RequestId:{id}")), "{body}");
    body
}
