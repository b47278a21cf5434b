//! The way out: proxies, a signed caller, an end on request.

mod cli_support;

use carnet_federation::Hop;
use carnet_federation::config::Env;
use carnet_federation::http::Http;
use carnet_localclouds::Options;
use carnet_tests::api::{BLOB_API, Door, GCS_API};
use carnet_tests::relay::Relay;
use carnet_tests::{ACCOUNT, BUCKET, CONTAINER, Stage, each};
use cli_support::{carnet_with, changed};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A proxy that remembers where it was asked to connect to.
struct Proxy {
    address: String,
    targets: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let targets = Arc::<Mutex<Vec<String>>>::default();
        let remembered = targets.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(tunnel(socket, remembered.clone()));
            }
        });
        Self { address, targets }
    }

    fn count(&self) -> usize {
        self.targets.lock().unwrap().len()
    }

    fn count_to(&self, base_url: &str) -> usize {
        let targets = self.targets.lock().unwrap();
        targets.iter().filter(|target| base_url.ends_with(target.as_str())).count()
    }
}

async fn tunnel(socket: TcpStream, targets: Arc<Mutex<Vec<String>>>) {
    let mut socket = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if socket.read_line(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let Some(target) = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()) else { return };
    targets.lock().unwrap().push(target.to_owned());
    let mut upstream = TcpStream::connect(target).await.unwrap();
    socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut socket, &mut upstream).await;
}

async fn fetch_through(stage: &Stage, more: &[(&str, &str)]) {
    let own = stage.env();
    let own = own.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let env: Env = own.chain(more.iter().copied()).collect();
    let http = Http::from_env(&env).unwrap();
    let keys = format!("{}/common/discovery/v2.0/keys", stage.local.state().entra.authority);
    http.send(Hop::Exchange, http.client().get(keys)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_variables_are_honoured_and_so_are_their_exceptions() {
    let stage = Stage::new().await;
    let proxy = Proxy::start().await;
    fetch_through(&stage, &[("HTTPS_PROXY", &proxy.address)]).await;
    assert_eq!(proxy.count(), 1);
    fetch_through(&stage, &[("HTTPS_PROXY", &proxy.address), ("NO_PROXY", "127.0.0.1")]).await;
    assert_eq!(proxy.count(), 1);
    fetch_through(&stage, &[("ALL_PROXY", &proxy.address)]).await;
    assert_eq!(proxy.count(), 2);
    let env: Env = [("HTTPS_PROXY", "http://user:secret@:::")].into_iter().collect();
    let error = Http::from_env(&env).unwrap_err();
    assert!(error.to_string().contains("HTTPS_PROXY") && !error.to_string().contains("secret"), "{error}");
}

/// The whole way to an object: our client, the AWS SDK's and Google's own, which is not ours to make.
/// What reaches the store is counted, so that a connection past the proxy would show.
#[tokio::test(flavor = "multi_thread")]
async fn every_client_on_the_way_to_an_object_goes_through_the_proxy() {
    let stage = Stage::new().await;
    stage.put("a.txt", "through the proxy");
    let state = stage.local.state();
    let blob = state.azure.blob[ACCOUNT].trim_end_matches(&format!("/{ACCOUNT}")).to_owned();
    let ways = [
        (format!("gs://{BUCKET}/a.txt"), vec![&state.aws.sts, &state.google.sts], &state.google.storage),
        (format!("azure://{ACCOUNT}/{CONTAINER}/a.txt"), vec![&state.aws.sts, &state.entra.authority], &blob),
    ];
    for (object, token_services, store) in ways {
        for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            let (proxy, store) = (Proxy::start().await, Relay::to(store).await);
            let azure = format!("{}/{{account}}", store.url());
            let set = [
                ("CARNET_GOOGLE_STORAGE_ENDPOINT", store.url()),
                ("CARNET_AZURE_BLOB_ENDPOINT", &azure),
                (variable, &proxy.address),
            ];
            let run = carnet_with(&changed(&stage, &set), &["cat", &object]).await.ok();
            assert_eq!(run.text(), "through the proxy", "{variable}");
            for service in &token_services {
                assert_eq!(proxy.count_to(service), 1, "{variable}: {service}");
            }
            assert!(store.accepted() > 0);
            assert_eq!(proxy.count_to(store.url()), store.accepted(), "{variable}: none went past it");

            let (direct, before) = ([&set[..], &[("NO_PROXY", "127.0.0.1")]].concat(), proxy.count());
            carnet_with(&changed(&stage, &direct), &["cat", &object]).await.ok();
            assert_eq!(proxy.count(), before, "{variable}: NO_PROXY is honoured by all of them");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_leaves_the_machine_for_nobody() {
    let http = Http::from_env(&Env::default()).unwrap();
    for url in ["http://login.example.com/", "http://169.254.169.254/metadata"] {
        let error = http.send(Hop::Exchange, http.client().get(url)).await.unwrap_err();
        assert!(error.message().contains("plain http"), "{error}");
    }
}

each!(BLOB_API as blob_api, GCS_API as gcs_api: (
    an_unsigned_or_wrongly_signed_caller_does_not_reach_the_function,
    the_function_ends_gracefully_when_it_is_told_to,
));

async fn an_unsigned_or_wrongly_signed_caller_does_not_reach_the_function(door: Door) {
    let options =
        Options { functions: Some(vec![door.function.into()]), check_callers: true, ..Options::default() };
    let stage = Stage::with(options).await;
    let url = format!("{}{}", stage.api(door.function), door.place);
    let unsigned = stage.client().get(&url).send().await.unwrap();
    assert_eq!(unsigned.status(), 403);
    assert!(unsigned.text().await.unwrap().contains("Missing Authentication Token"));
    let key = stage.local.state().aws.access_key_id;
    let forged = format!(
        "AWS4-HMAC-SHA256 Credential={key}/20260101/eu-central-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature={}",
        "0".repeat(64)
    );
    let forged =
        stage.client().get(&url).header("authorization", forged).header("x-amz-date", "20260101T000000Z");
    assert_eq!(forged.send().await.unwrap().status(), 403);
    assert_eq!(stage.function(door.function).environments_started(), 0);
}

async fn the_function_ends_gracefully_when_it_is_told_to(door: Door) {
    let mut stage = Stage::serving(door.function).await;
    stage.client().get(format!("{}{}", stage.api(door.function), door.place)).send().await.unwrap();
    let function = stage.local.functions.remove(door.function).unwrap();
    let logs = function.logs().clone();
    function.stop().await;
    assert!(logs.contains("told to end"), "{:#?}", logs.lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let stage = Stage::new().await;
    let http = Http::from_env(&Env::default()).unwrap();
    let keys = format!("{}/common/discovery/v2.0/keys", stage.local.state().entra.authority);
    let error = http.send(Hop::Exchange, http.client().get(keys)).await.unwrap_err();
    assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
}
