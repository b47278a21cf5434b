//! A Lambda function that answers `GET /azure/{place}/{key+}` with the blob's bytes, streamed.

use futures_util::{StreamExt as _, TryStreamExt as _};
use lambda_runtime::{LambdaEvent, MetadataPrelude, StreamResponse, run, service_fn};
use limit::{Error, hops::Hops, tls};
use serde::Deserialize;
use std::collections::HashMap;
use tokio::sync::Mutex;

/// The part of API Gateway's REST proxy event that this job needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    path_parameters: HashMap<String, String>,
    #[serde(default)]
    headers: HashMap<String, String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut hops = Hops::from_env(tls::client()?)?;
    hops.bearer().await?;
    let hops = &Mutex::new(hops);
    run(service_fn(async |event: LambdaEvent<Event>| {
        let Event { path_parameters, headers } = event.payload;
        let key = path_parameters.get("key").ok_or("no key in the path")?;
        let range = headers.get("Range").map(String::as_str);
        let answer = hops.lock().await.get(key, range).await?;
        let metadata_prelude = MetadataPrelude {
            status_code: answer.status(),
            headers: content_headers(answer.headers()),
            ..Default::default()
        };
        // A cut body must not end as a whole one: the caller sees a broken transfer.
        let stream = answer.bytes_stream().inspect_err(|_| std::process::abort()).boxed();
        Ok::<_, Error>(StreamResponse { metadata_prelude, stream })
    }))
    .await
}

fn content_headers(from: &http::HeaderMap) -> http::HeaderMap {
    const PASSED: [http::HeaderName; 5] = [
        http::header::CONTENT_TYPE,
        http::header::CONTENT_LENGTH,
        http::header::CONTENT_RANGE,
        http::header::ETAG,
        http::header::LAST_MODIFIED,
    ];
    PASSED.into_iter().filter_map(|name| from.get(&name).cloned().map(|value| (name, value))).collect()
}
