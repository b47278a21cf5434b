//! Each fault as it reaches a client over a socket.

mod clouds;

use axum::Router;
use axum::routing::get;
use carnet_localclouds::faults::{Fault, Faults, Hop, Rule, control};
use carnet_localclouds::server::{self, Listening, Transport};
use clouds::{get_json, start, tag};
use std::time::{Duration, SystemTime};

const BODY: &[u8] = b"{\"the\":\"true answer, forty bytes long!!\"}";

struct Served {
    listening: Listening,
    faults: Faults,
    http: reqwest::Client,
}

async fn serve() -> Served {
    let faults = Faults::default();
    let router = Router::new().route("/a", get(|| async { BODY })).route("/b", get(|| async { BODY }));
    let authority = carnet_localclouds::tls::Authority::new().unwrap();
    let transport = Transport::Tls(authority.server_config(&[]).unwrap());
    let listening = server::serve(faults.wrap(Hop::Blob, router), transport).await.unwrap();
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(authority.client_config().unwrap())
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    Served { listening, faults, http }
}

impl Served {
    fn set(&self, rule: &str) {
        self.faults.set(vec![rule.parse().unwrap()]);
    }

    async fn get(&self) -> reqwest::Result<reqwest::Response> {
        self.http.get(format!("{}/a", self.listening.base_url)).send().await
    }
}

#[tokio::test]
async fn without_a_rule_the_true_answer_comes_through() {
    let served = serve().await;
    let response = served.get().await.unwrap();
    assert_eq!(response.content_length(), Some(BODY.len() as u64));
    assert_eq!(response.bytes().await.unwrap(), BODY);
}

#[tokio::test]
async fn answers_in_place_of_the_true_one() {
    let served = serve().await;
    served.set("azure.blob=status:429:retry-after=60:body=slow: down");
    let response = served.get().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"60".parse().unwrap())
    );
    assert_eq!(response.text().await.unwrap(), "slow: down");

    served.set("azure.blob=html200");
    let response = served.get().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.text().await.unwrap().starts_with("<!DOCTYPE html>"));

    served.set("azure.blob=malformed-json");
    let text = served.get().await.unwrap().text().await.unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_err());

    served.set("azure.blob=redirect:https://elsewhere.example/x");
    let response = served.get().await.unwrap();
    assert_eq!(response.status(), 307);
    assert_eq!(response.headers()["location"], "https://elsewhere.example/x");
}

#[tokio::test]
async fn bodies_that_are_cut_short_long_or_spoilt() {
    let served = serve().await;
    let length = BODY.len() as u64;

    served.set("azure.blob=cut:10");
    let mut response = served.get().await.unwrap();
    assert_eq!(response.content_length(), Some(length));
    let mut received = Vec::new();
    let ended = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => received.extend_from_slice(&chunk),
            other => break other,
        }
    };
    assert!(ended.is_err(), "the connection was dropped");
    assert_eq!(received, BODY[..10], "what was sent before the cut arrived");

    served.set("azure.blob=short");
    let response = served.get().await.unwrap();
    assert_eq!(response.content_length(), Some(length / 2));
    assert_eq!(response.bytes().await.unwrap(), BODY[..BODY.len() / 2]);

    served.set("azure.blob=short-unannounced");
    let response = served.get().await.unwrap();
    assert_eq!(response.content_length(), None);
    assert_eq!(response.bytes().await.unwrap(), BODY[..BODY.len() / 2]);

    served.set("azure.blob=long");
    let response = served.get().await.unwrap();
    assert_eq!(response.content_length(), Some(length + 1024));
    let bytes = response.bytes().await.unwrap();
    assert!(bytes.starts_with(BODY) && bytes.len() == BODY.len() + 1024);

    served.set("azure.blob=no-length");
    let response = served.get().await.unwrap();
    assert_eq!(response.content_length(), None);
    assert_eq!(response.bytes().await.unwrap(), BODY);

    served.set("azure.blob=corrupt");
    let bytes = served.get().await.unwrap().bytes().await.unwrap();
    let differing = bytes.iter().zip(BODY).filter(|(a, b)| a != b).count();
    assert_eq!((bytes.len(), differing), (BODY.len(), 1));
}

#[tokio::test]
async fn a_connection_that_is_reset_gives_no_answer() {
    let served = serve().await;
    served.set("azure.blob=reset*1");
    let error = served.get().await.unwrap_err();
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    let mut reset = false;
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        reset |= io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionReset);
        cause = error.source();
    }
    assert!(reset, "{error:?}");
    assert_eq!(served.get().await.unwrap().status(), 200);
}

#[tokio::test]
async fn bodies_without_an_end_in_sight() {
    let served = serve().await;
    served.set("azure.blob=oversize");
    let mut response = served.get().await.unwrap();
    let mut received = 0;
    while received < 64 * 1024 * 1024 {
        received += response.chunk().await.unwrap().expect("more").len();
    }
    drop(response);

    served.set("azure.blob=gzip-bomb");
    let response = served.get().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let bytes = response.bytes().await.unwrap();
    assert!(bytes.starts_with(&[0x1f, 0x8b]) && bytes.len() < 16 * 1024 * 1024, "{}", bytes.len());

    served.set("azure.blob=drip");
    let mut response = served.get().await.unwrap();
    let chunk = response.chunk().await.unwrap().unwrap();
    assert_eq!(&chunk[..], &BODY[..1]);
}

/// A stopped server ends even those who wait for ever.
#[tokio::test]
async fn a_hang_lasts_until_the_server_stops() {
    let served = serve().await;
    served.set("azure.blob=hang");
    let Served { listening, faults, http } = served;
    let url = format!("{}/a", listening.base_url);
    let waiting = tokio::spawn(async move { http.get(url).send().await });
    while faults.seen(Hop::Blob).is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    let addr = listening.addr;
    listening.stop().await;
    assert!(waiting.await.unwrap().is_err());
    assert!(tokio::net::TcpStream::connect(addr).await.is_err(), "the port is free again");
}

#[tokio::test]
async fn a_rule_skips_counts_and_looks_at_the_path() {
    let served = serve().await;
    let statuses = async |path: &str, count: usize| {
        let mut statuses = Vec::new();
        for _ in 0..count {
            let url = format!("{}{path}", served.listening.base_url);
            statuses.push(served.http.get(url).send().await.unwrap().status().as_u16());
        }
        statuses
    };
    served.set("azure.blob/b=status:503*2+1");
    assert_eq!(statuses("/a", 2).await, [200, 200]);
    assert_eq!(statuses("/b", 4).await, [200, 503, 503, 200]);
    let seen = served.faults.seen(Hop::Blob);
    assert_eq!(seen.iter().filter(|seen| seen.path == "/b").count(), 4);
    assert_eq!(served.faults.seen(Hop::Sts), []);
    served.faults.set(vec![Rule::always(Hop::Sts, Fault::Hang)]);
    assert_eq!(statuses("/a", 1).await, [200], "another hop's rule");
}

#[test]
fn a_rule_is_read_as_it_is_written() {
    for text in [
        "entra.token=status:429:retry-after=60*2",
        "entra.token=status:500:body=a: b",
        "azure.blob/assets/big.bin=cut:1048576*1+2",
        "aws.sts=clock-skew:-600",
        "aws.iam=hang",
        "aws.issuer=html200",
        "aws.sts=malformed-json",
        "aws.sts=absurd-expiry",
        "aws.sts=expired-token*1",
        "entra.discovery=oversize",
        "entra.token=gzip-bomb",
        "entra.token=drip",
        "entra.token=redirect:http://127.0.0.1:9/x?y=z",
        "azure.blob=short",
        "azure.blob=short-unannounced",
        "azure.blob=long",
        "azure.blob=no-length",
        "azure.blob=corrupt+3",
        "azure.blob=reset",
    ] {
        assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "hang",
        "aws.sts",
        "aws.sts=",
        "aws.sqs=hang",
        "aws.sts=sulk",
        "aws.sts=hang:1",
        "aws.sts=status",
        "aws.sts=status:99",
        "aws.sts=status:500:x",
        "aws.sts=cut",
        "aws.sts=cut:-1",
        "aws.sts=clock-skew:soon",
        "aws.sts=redirect",
        "aws.sts=hang*",
        "aws.sts=hang*x",
    ] {
        assert!(text.parse::<Rule>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn rules_can_be_set_and_requests_counted_from_outside() {
    let served = serve().await;
    let control = server::serve(control::router(served.faults.clone()), Transport::Plain).await.unwrap();
    let url = |path: &str| format!("{}{path}", control.base_url);
    let put = async |text: &'static str| {
        served.http.put(url("/faults")).body(text).send().await.unwrap().status().as_u16()
    };
    assert_eq!(put("azure.blob=status:503\n\naws.sts=hang\n").await, 204);
    assert_eq!(served.get().await.unwrap().status(), 503);
    let listed = served.http.get(url("/faults")).send().await.unwrap().text().await.unwrap();
    assert_eq!(listed, "azure.blob=status:503\naws.sts=hang\n");
    assert_eq!(put("azure.blob=nonsense").await, 400);
    assert_eq!(served.get().await.unwrap().status(), 503, "a faulty list changes nothing");
    assert_eq!(served.http.delete(url("/faults")).send().await.unwrap().status(), 204);
    assert_eq!(served.get().await.unwrap().status(), 200);
    let counts = get_json(&served.http, &url("/requests")).await;
    assert_eq!(counts["azure.blob"]["GET /a"], 3);
    assert_eq!(counts["aws.sts"], serde_json::json!({}));
}

/// The faults of tokens and clocks, on the hops that give out tokens.
#[tokio::test]
async fn tokens_and_clocks_can_be_wrong() {
    let clouds = start().await;
    let faults = &clouds.handle().faults;
    let proof = clouds.mint().await;
    let set = |rule: &str| faults.set(vec![rule.parse().unwrap()]);

    set("entra.token=absurd-expiry");
    let (_, answer) = clouds.exchange(&proof, &[]).await;
    assert!(answer["expires_in"].as_u64().unwrap() > 100 * 365 * 86_400);
    set("entra.token=expired-token");
    let (_, answer) = clouds.exchange(&proof, &[]).await;
    assert_eq!(answer["expires_in"], 0);

    set("aws.sts=expired-token");
    let (_, body) = clouds.sts(&clouds.function_signer(), &clouds::mint_parameters()).await;
    assert!(tag(&body, "Expiration") < time_text(SystemTime::now()), "{body}");
    set("aws.sts=absurd-expiry");
    let (_, body) = clouds.sts(&clouds.function_signer(), &clouds::mint_parameters()).await;
    assert!(tag(&body, "Expiration").as_str() > "2100");

    set("aws.sts=clock-skew:600");
    let (status, body) = clouds.sts(&clouds.function_signer(), &clouds::mint_parameters()).await;
    assert_eq!(status, 403);
    assert!(tag(&body, "Message").contains("Signature expired"), "{body}");
    let url = clouds.local.state().aws.sts;
    let response = clouds.http.get(url).send().await.unwrap();
    let date = httpdate::parse_http_date(response.headers()["date"].to_str().unwrap()).unwrap();
    assert!(date > SystemTime::now() + Duration::from_secs(500));
}

fn time_text(time: SystemTime) -> String {
    let format = &time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::from(time).format(format).unwrap()
}
