//! Calls of the JSON API on our own HTTP client.

use super::credential::StorageCredential;
use super::terms::Terms;
use super::{errors, resource};
use crate::key::Key;
use crate::list::{ListRequest, Page};
use crate::object::ObjectMeta;
use carnet_federation::http::body::read_within;
use carnet_federation::http::{Http, unreachable};
use carnet_federation::{Error, Hop, Kind, Result, telemetry};
use reqwest::{Response, Url};
use std::sync::Arc;

/// The most that "Objects: list" gives in a page.
const MAX_PAGE: u32 = 1000;

/// A page of a thousand objects with names and properties of a kilobyte each is far below.
const LIMIT: usize = 16 << 20;

/// Errors say what they say in less.
const ERROR_LIMIT: usize = 64 << 10;

pub(super) struct Api {
    http: Http,
    credential: Arc<dyn StorageCredential>,
    /// `https://storage.googleapis.com/storage/v1/b/BUCKET/o`
    objects: Url,
    target: String,
}

impl Api {
    pub(super) fn new(
        http: Http,
        credential: Arc<dyn StorageCredential>,
        endpoint: &Url,
        bucket: &str,
        target: &str,
    ) -> Self {
        let mut objects = endpoint.clone();
        // The guard let it pass: it is http(s), which has a path.
        if let Ok(mut path) = objects.path_segments_mut() {
            path.pop_if_empty().extend(["storage", "v1", "b", bucket, "o"]);
        }
        Self { http, credential, objects, target: target.to_owned() }
    }

    pub(super) async fn metadata(&self, key: &Key, terms: &Terms) -> Result<ObjectMeta> {
        let mut url = self.objects.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            // One piece: a slash in it is encoded, and so is a percent sign.
            path.push(key.as_str());
        }
        let conditions = [("ifGenerationMatch", terms.is), ("ifGenerationNotMatch", terms.is_not)];
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("fields", resource::FIELDS);
            for (name, generation) in conditions {
                if let Some(generation) = generation {
                    query.append_pair(name, &generation.to_string());
                }
            }
        }
        let body = self.get(Hop::Read, url).await?;
        resource::object(key, &body).map_err(|why| self.malformed(Hop::Read, why))
    }

    pub(super) async fn list(&self, request: &ListRequest) -> Result<Page> {
        let mut url = self.objects.clone();
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("fields", resource::LIST_FIELDS);
            let token = request.page_token.as_ref().map(|token| token.as_str());
            let parameters = [
                ("prefix", Some(request.prefix.as_str())),
                ("delimiter", request.delimiter.as_deref()),
                ("startOffset", request.start_from.as_deref()),
                ("pageToken", token),
            ];
            for (name, value) in parameters {
                if let Some(value) = value.filter(|value| !value.is_empty()) {
                    query.append_pair(name, value);
                }
            }
            if let Some(size) = request.page_size {
                query.append_pair("maxResults", &size.clamp(1, MAX_PAGE).to_string());
            }
        }
        let body = self.get(Hop::List, url).await.map_err(|error| request.refused(error))?;
        resource::page(&body).map_err(|why| self.malformed(Hop::List, why))
    }

    async fn get(&self, hop: Hop, url: Url) -> Result<Vec<u8>> {
        let token = self.credential.token().await?;
        let request = self.http.client().get(url).bearer_auth(token.secret.expose());
        let response = self.http.send(hop, request).await?;
        telemetry::record("service_request_id", errors::request_id(response.headers()));
        if response.status().is_success() {
            return self.body(hop, response, LIMIT).await;
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // What cannot be read of it does not change what the status says.
        let body = self.body(hop, response, ERROR_LIMIT).await.unwrap_or_default();
        Err(errors::answered(hop, &self.target, status, &headers, &body))
    }

    async fn body(&self, hop: Hop, response: Response, limit: usize) -> Result<Vec<u8>> {
        let body = read_within(response, limit).await;
        let body = body.map_err(|error| unreachable(hop, &self.target, error))?;
        body.ok_or_else(|| self.malformed(hop, "no end that could be waited for"))
    }

    fn malformed(&self, hop: Hop, why: &str) -> Error {
        Error::new(hop, Kind::Malformed, &self.target, format!("the store's answer has {why}"))
    }
}
