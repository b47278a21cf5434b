//! The door for events, the real function behind an API: whom it lets in, whom it turns away, and that
//! nothing unverified goes further.

use carnet_localclouds::faults::Hop;
use carnet_localclouds::jwt::{Algorithm, Keys};
use carnet_localclouds::lambda::Function;
use carnet_localclouds::push::at_once;
use carnet_localclouds::push::event_grid::{self, EVENT_GRID_OBJECT, Happened, Schema, Version};
use carnet_localclouds::push::pubsub::{self, PayloadFormat, notification};
use carnet_tests::events::{AUDIENCE, PUSH_AUDIENCE, Sqs, answer, invoke, log, sample};
use carnet_tests::trap::Trap;
use carnet_tests::{ACCOUNT, BUCKET, CONTAINER, S3_BUCKET, SERVICE_ACCOUNT, Stage, secrecy};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// The door with a trap where its queue should be.
struct Scene {
    stage: Stage,
    door: Function,
    trap: Trap,
}

impl Scene {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(more: &[(&str, &str)]) -> Self {
        let (stage, trap) = (Stage::new().await, Trap::set());
        let door = stage.webhook(&format!("http://{}", trap.address()), more).await;
        Self { stage, door, trap }
    }

    fn event_grid(&self, schema: Schema) -> event_grid::Subscription {
        event_grid(&self.stage, &self.door, schema)
    }

    fn pubsub(&self) -> pubsub::Subscription {
        pubsub(&self.stage, &self.door)
    }

    async fn post(&self, path: &str, token: &str, body: String) -> Response {
        let url = format!("{}{path}", self.door.base_url());
        let request = self.stage.client().post(url).header("Content-Type", "application/json").body(body);
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        request.send().await.unwrap()
    }

    fn blob_event(&self) -> String {
        let event = self.event_grid(Schema::EventGrid).event(ACCOUNT, CONTAINER, "a", Happened::Created);
        json!([event]).to_string()
    }

    /// What the log says was wrong with the last request that was turned away.
    fn field(&self) -> Option<String> {
        let lines = log(&self.door);
        let last = lines.iter().rev().find(|line| line["message"] == "turned away")?;
        last["field"].as_str().map(str::to_owned)
    }

    /// The answer tells the caller nothing, the log which field it was, the queue nothing at all.
    async fn is_refused(&self, response: Response, status: u16, field: &str, case: &str) {
        let got = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        assert_eq!(got, status, "{case}: {body} {:#?}", log(&self.door).last());
        assert_eq!(body["type"], "about:blank", "{case}");
        assert_eq!(body.as_object().unwrap().len(), 3, "{case}: {body}");
        assert_eq!(self.field().as_deref(), Some(field), "{case}");
        assert!(self.trap.was_left_alone(), "{case}: something reached the queue");
        assert_kept_secret(&self.door);
    }
}

fn event_grid(stage: &Stage, door: &Function, schema: Schema) -> event_grid::Subscription {
    let url = format!("{}/events/azure", door.base_url());
    let mut subscription =
        event_grid::Subscription::new(stage.local.shared.clone(), stage.client(), &url, schema, AUDIENCE);
    subscription.pace = at_once;
    subscription.attempts = 3;
    subscription
}

fn pubsub(stage: &Stage, door: &Function) -> pubsub::Subscription {
    let url = format!("{}/events/google", door.base_url());
    let handle = stage.local.shared.clone();
    let mut subscription = pubsub::Subscription::new(handle, stage.client(), &url, SERVICE_ACCOUNT);
    subscription.audience = PUSH_AUDIENCE.to_owned();
    subscription.pace = at_once;
    subscription.attempts = 3;
    subscription
}

fn assert_kept_secret(function: &Function) {
    for line in function.logs().lines() {
        for secret in secrecy::SECRETS {
            assert!(!line.contains(secret), "{line}");
        }
    }
}

fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64
}

/// Claims that are wrong in one thing each: status, and the field that the log names.
fn wrong_claims() -> Vec<(&'static str, Value, u16, &'static str)> {
    vec![
        ("audience", json!({ "aud": "api://somebody-else" }), 401, "audience"),
        ("two audiences", json!({ "aud": [AUDIENCE, PUSH_AUDIENCE, "x"] }), 401, "audience"),
        ("no audience", json!({ "aud": null }), 401, "audience"),
        ("issuer", json!({ "iss": "https://issuer.example" }), 401, "issuer"),
        ("no issuer", json!({ "iss": null }), 401, "issuer"),
        ("ended", json!({ "exp": now() - 120 }), 401, "expiry"),
        ("endless", json!({ "exp": null }), 401, "expiry"),
        ("not yet", json!({ "nbf": now() + 600 }), 401, "expiry"),
        ("of the future", json!({ "iat": now() + 600 }), 401, "expiry"),
    ]
}

fn changed(mut claims: Value, change: &Value) -> Value {
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_wrong_in_one_thing_opens_nothing() {
    let scene = Scene::new().await;
    let (azure, google) = (scene.event_grid(Schema::EventGrid), scene.pubsub());
    let blob = scene.blob_event();
    let object = notification(BUCKET, "a", "OBJECT_FINALIZE", "1", PayloadFormat::JsonApiV1).to_string();
    let handle = &scene.stage.local.shared;
    let somebody = "99999999-1111-4222-8333-444444444444";
    let entra = [
        ("another application", json!({ "appid": somebody }), 403, "subject"),
        ("nobody", json!({ "appid": null }), 403, "subject"),
        ("a person by it", json!({ "scp": "user_impersonation" }), 403, "subject"),
        ("another tenant", json!({ "iss": format!("https://sts.windows.net/{somebody}/") }), 401, "issuer"),
    ];
    for (case, change, status, field) in wrong_claims().into_iter().chain(entra) {
        let claims = changed(azure.claims(), &change);
        let token = handle.entra_keys.sign(&claims, Algorithm::Rs256).unwrap();
        let response = scene.post("/events/azure", &token, blob.clone()).await;
        scene.is_refused(response, status, field, case).await;
    }
    let accounts = [
        ("another account", json!({ "email": "x@example.com", "sub": "1" }), 403, "subject"),
        ("an address that nobody verified", json!({ "email_verified": false, "sub": "1" }), 403, "subject"),
        ("an address as a text", json!({ "email_verified": "true", "sub": "1" }), 403, "subject"),
    ];
    let keys = handle.google_keys().unwrap();
    for (case, change, status, field) in wrong_claims().into_iter().chain(accounts) {
        let token = keys.sign(&changed(google.claims(), &change), Algorithm::Rs256).unwrap();
        let response = scene.post("/events/google", &token, object.clone()).await;
        scene.is_refused(response, status, field, case).await;
    }
    // Good tokens at the wrong door.
    let response = scene.post("/events/azure", &google.token().unwrap(), blob).await;
    scene.is_refused(response, 401, "issuer", "Google's at Azure's door").await;
    let response = scene.post("/events/google", &azure.token().unwrap(), object).await;
    scene.is_refused(response, 401, "issuer", "Entra's at Google's door").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_no_key_bears_out_opens_nothing() {
    let scene = Scene::new().await;
    let azure = scene.event_grid(Schema::EventGrid);
    let (claims, blob) = (azure.claims(), scene.blob_event());
    let keys = &scene.stage.local.shared.entra_keys;
    let good = azure.token().unwrap();
    let payload = claims.to_string();
    let id = keys.key_id(Algorithm::Rs256);
    let header = |change: Value| changed(json!({ "alg": "RS256", "typ": "JWT", "kid": id }), &change);
    let lies = |change: Value| keys.sign_as(&header(change), &payload, Algorithm::Rs256).unwrap();
    let unsigned = {
        let none = lies(json!({ "alg": "none" }));
        none[..=none.rfind('.').unwrap()].to_owned()
    };
    let mut flipped = good.clone().into_bytes();
    let middle = good.find('.').unwrap() + 10;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    let twice = format!("{{\"appid\":\"x\",{}", &payload[1..]);
    let strangers = Keys::generate().unwrap();
    for (case, token, field) in [
        ("none", String::new(), "token"),
        ("no JWT", "abc".to_owned(), "token"),
        ("alg none", unsigned, "token"),
        ("alg none, signed", lies(json!({ "alg": "none" })), "token"),
        ("HS256", lies(json!({ "alg": "HS256" })), "token"),
        ("ES384", keys.sign(&claims, Algorithm::Es384).unwrap(), "token"),
        ("no kid", lies(json!({ "kid": null })), "key"),
        ("an extension", lies(json!({ "crit": ["exp"] })), "token"),
        ("a claim twice", keys.sign_as(&header(json!({})), &twice, Algorithm::Rs256).unwrap(), "token"),
        ("a flipped letter", String::from_utf8(flipped).unwrap(), "key"),
        (
            "a stranger's signature under our key's name",
            strangers.sign_as(&header(json!({})), &payload, Algorithm::Rs256).unwrap(),
            "key",
        ),
        ("too long", format!("{good}{}", "A".repeat(20_000)), "token"),
    ] {
        let response = scene.post("/events/azure", &token, blob.clone()).await;
        let field = if case == "a flipped letter" && scene.field().as_deref() == Some("token") {
            "token"
        } else {
            field
        };
        scene.is_refused(response, 401, field, case).await;
    }
    // Two of them: which counts?
    let url = format!("{}/events/azure", scene.door.base_url());
    let request =
        scene.stage.client().post(url).bearer_auth(&good).header("Authorization", "Bearer x").body(blob);
    scene.is_refused(request.send().await.unwrap(), 401, "token", "two tokens").await;
}

/// Keys are fetched once, and once more for one that is not known; not again at once.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_looked_for_once_and_a_rotated_one_is_found() {
    let scene = Scene::new().await;
    let handle = &scene.stage.local.shared;
    let azure = scene.event_grid(Schema::EventGrid);
    let blob = scene.blob_event();
    let fetched = || handle.faults.seen(Hop::EntraDiscovery).len();
    // Verified: what fails is the queue, which does not answer.
    let verified = |status: StatusCode| status == StatusCode::SERVICE_UNAVAILABLE;
    let strangers = Keys::generate().unwrap();
    let stranger = || strangers.sign(&azure.claims(), Algorithm::Rs256).unwrap();
    let response = scene.post("/events/azure", &stranger(), blob.clone()).await;
    scene.is_refused(response, 401, "key", "a stranger's key").await;
    assert_eq!(fetched(), 2, "the document, then the keys");
    // A moment later nobody can say, so the sender is to come again; the issuer is left alone.
    for _ in 0..3 {
        let response = scene.post("/events/azure", &stranger(), blob.clone()).await;
        assert_eq!(response.headers()["retry-after"], "10");
        scene.is_refused(response, 503, "key", "asked again").await;
    }
    assert_eq!(fetched(), 2);
    // Whose key is known goes on, without a word to the issuer.
    let response = scene.post("/events/azure", &azure.token().unwrap(), json!([]).to_string()).await;
    scene.is_refused(response, 400, "message", "verified").await;
    assert_eq!(fetched(), 2);
    // The keys rotate: both are published, and the new one is found after those ten seconds.
    handle.entra_keys.rotate().unwrap();
    let found = async {
        loop {
            let response = scene.post("/events/azure", &azure.token().unwrap(), json!([]).to_string()).await;
            match response.status() {
                StatusCode::BAD_REQUEST => return,
                status => assert!(verified(status), "{status}"),
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    tokio::time::timeout(carnet_tests::events::PATIENCE, found).await.expect("the new key is found");
    assert_eq!(fetched(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_fails_or_lies_makes_the_sender_come_again() {
    for fault in [
        "entra.discovery=status:503",
        "entra.discovery=status:404",
        "entra.discovery=html200",
        "entra.discovery=malformed-json",
        "entra.discovery=oversize",
        "entra.discovery=redirect:https://elsewhere.example/keys",
        "entra.discovery=reset",
    ] {
        let scene = Scene::new().await;
        scene.stage.fault(fault);
        let azure = scene.event_grid(Schema::EventGrid);
        let response = scene.post("/events/azure", &azure.token().unwrap(), scene.blob_event()).await;
        assert_eq!(response.status(), 503, "{fault}: {:#?}", log(&scene.door).last());
        assert!(scene.trap.was_left_alone(), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_bounded_and_must_be_events() {
    let scene = Scene::new().await;
    let (azure, google) = (scene.event_grid(Schema::CloudEvents), scene.pubsub());
    let event = |name: &str| azure.event(ACCOUNT, CONTAINER, name, Happened::Created);
    let mut other = event("a");
    other["type"] = "com.example.happened".into();
    let mut future = event("a");
    future["specversion"] = "2.0".into();
    let mut nowhere = event("a");
    nowhere["subject"] = "/elsewhere".into();
    let mut heavy = event("a");
    heavy["data"]["more"] = "x".repeat(100_000).into();
    for (body, status) in [
        (json!([event(&"x".repeat(3 << 20))]).to_string(), 413),
        (heavy.to_string(), 400),
        (String::new(), 400),
        ("[]".to_owned(), 400),
        ("not JSON".to_owned(), 400),
        (json!({ "hello": "world" }).to_string(), 400),
        (json!([event("a"), { "hello": "world" }]).to_string(), 400),
        (other.to_string(), 400),
        (future.to_string(), 400),
        (nowhere.to_string(), 400),
        // A list names other objects, and comes from our own account alone.
        (sample("ingest-object.list").to_string(), 400),
    ] {
        let shown = body.chars().take(80).collect::<String>();
        let response = scene.post("/events/azure", &azure.token().unwrap(), body).await;
        assert_eq!(response.status(), status, "{shown}");
    }
    let bare =
        json!({ "message": { "attributes": { "eventType": "OBJECT_FINALIZE" } }, "subscription": "s" });
    for body in [bare, json!({ "message": "x" }), json!({ "message": { "data": "aGk=", "messageId": "1" } })]
    {
        let response = scene.post("/events/google", &google.token().unwrap(), body.to_string()).await;
        assert_eq!(response.status(), 400, "{body}");
    }
    assert!(scene.trap.was_left_alone());
    assert_kept_secret(&scene.door);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handshakes_of_both_schemas_are_answered() {
    let scene = Scene::new().await;
    let mut grid = scene.event_grid(Schema::EventGrid);
    assert!(grid.validate().await.unwrap());
    assert!(scene.event_grid(Schema::CloudEvents).validate().await.unwrap());
    // The first is for those with a token: it would be an echo for anybody.
    grid.audience = "api://somebody-else".to_owned();
    assert!(!grid.validate().await.unwrap());
    let options = |origin: &str| {
        let url = format!("{}/events/azure", scene.door.base_url());
        let request = scene.stage.client().request(Method::OPTIONS, url);
        let request =
            if origin.is_empty() { request } else { request.header("WebHook-Request-Origin", origin) };
        async move { request.send().await.unwrap() }
    };
    let allowed = options("eventgrid.azure.net").await;
    assert_eq!(allowed.status(), 200);
    assert_eq!(allowed.headers()["webhook-allowed-origin"], "eventgrid.azure.net");
    assert_eq!(allowed.headers()["webhook-allowed-rate"], "*");
    let refused = options("evil.example").await;
    assert_eq!((refused.status().as_u16(), refused.headers().get("webhook-allowed-origin")), (403, None));
    assert_eq!(options("").await.status(), 400);
    assert!(scene.trap.was_left_alone());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_door_does_not_have_is_not_there() {
    let scene = Scene::new().await;
    let call = async |method: Method, path: &str| {
        let url = format!("{}{path}", scene.door.base_url());
        scene.stage.client().request(method, url).send().await.unwrap().status().as_u16()
    };
    assert_eq!(call(Method::GET, "/events/azure").await, 405);
    assert_eq!(call(Method::OPTIONS, "/events/google").await, 405);
    // A door that is open to one cloud is shut to the other.
    let (stage, trap) = (Stage::new().await, Trap::set());
    let google = ["AUDIENCES", "SUBJECTS", "ISSUER"].map(|name| format!("CARNET_EVENTS_GOOGLE_{name}"));
    let shut: Vec<(&str, &str)> = google.iter().map(|name| (name.as_str(), "")).collect();
    let door = stage.webhook(&format!("http://{}", trap.address()), &shut).await;
    let message = notification(BUCKET, "a", "OBJECT_FINALIZE", "1", PayloadFormat::None);
    let delivered = pubsub(&stage, &door).deliver(&message).await.unwrap();
    assert_eq!((delivered.status, delivered.attempts), (Some(StatusCode::NOT_FOUND), 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_fails_has_the_sender_come_again() {
    // Nobody listens there.
    let stage = Stage::new().await;
    let door = stage.webhook("http://127.0.0.1:9", &[]).await;
    let azure = event_grid(&stage, &door, Schema::EventGrid);
    let event = azure.event(ACCOUNT, CONTAINER, "a", Happened::Created);
    let delivered = azure.deliver(&[event]).await.unwrap();
    assert_eq!((delivered.status, delivered.attempts), (Some(StatusCode::SERVICE_UNAVAILABLE), 3));
    let message = notification(BUCKET, "a", "OBJECT_FINALIZE", "1", PayloadFormat::None);
    let delivered = pubsub(&stage, &door).deliver(&message).await.unwrap();
    assert_eq!((delivered.status, delivered.acknowledged), (Some(StatusCode::SERVICE_UNAVAILABLE), false));
    // Event Grid gives up at once where it would be of no use.
    let mut stranger = azure;
    stranger.audience = "api://somebody-else".to_owned();
    let event = stranger.event(ACCOUNT, CONTAINER, "a", Happened::Created);
    let delivered = stranger.deliver(&[event]).await.unwrap();
    assert_eq!((delivered.status, delivered.attempts), (Some(StatusCode::UNAUTHORIZED), 1));
}

/// Both clouds, both schemas, both versions of tokens, to a copy in S3.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs moto"]
async fn what_is_verified_is_queued_and_ends_as_a_copy() {
    let stage = Stage::new().await;
    let sqs = Sqs::start().await;
    let subjects = format!("{EVENT_GRID_OBJECT},{}", event_grid::EVENT_GRID);
    let door = stage.webhook(&sqs.url, &[("CARNET_EVENTS_AZURE_SUBJECTS", &subjects)]).await;
    let mut names = Vec::new();
    for (schema, version) in [
        (Schema::EventGrid, Version::One),
        (Schema::EventGrid, Version::Two),
        (Schema::CloudEvents, Version::One),
        (Schema::CloudEvents, Version::Two),
    ] {
        let mut subscription = event_grid(&stage, &door, schema);
        subscription.version = version;
        assert!(subscription.validate().await.unwrap(), "{schema:?} {version:?}");
        let mut events = Vec::new();
        for number in 0..12 {
            let name = format!("{schema:?} {version:?} {number}");
            stage.put(&name, name.as_bytes());
            events.push(subscription.event(ACCOUNT, CONTAINER, &name, Happened::Created));
            names.push(name);
        }
        let delivered = subscription.deliver(&events).await.unwrap();
        assert!(delivered.acknowledged && delivered.attempts == 1, "{delivered:?} {:#?}", log(&door));
    }
    assert_eq!(Sqs::count(&sqs.events).await, 48);
    let report = invoke(&door, &sample("event-webhook.doctor")).await;
    let hops = report["hops"].as_array().unwrap();
    assert_eq!((&report["ok"], hops.len()), (&json!(true), 4), "{report}");
    assert_eq!(hops[3]["found"]["messages"], 48, "{report}");

    let (from, to) = (format!("azure://{ACCOUNT}/{CONTAINER}"), format!("s3://{S3_BUCKET}/copies"));
    let ingest = stage.ingest(&from, &to, &[], Duration::from_secs(60)).await;
    sqs.drain(&ingest).await;
    assert!(Sqs::take(&sqs.dead).await.is_empty(), "{:#?}", log(&ingest));
    let bucket = stage.s3().await.unwrap();
    for name in &names {
        let key = carnet_objects::Key::parse(&format!("copies/{name}")).unwrap();
        assert!(carnet_objects::ObjectSink::head(&*bucket, &key).await.unwrap().is_some(), "{name}");
    }

    // A bucket's notification, through the same queue, is none of that source's.
    for format in [PayloadFormat::JsonApiV1, PayloadFormat::None] {
        let message = notification(BUCKET, "a", "OBJECT_FINALIZE", "1", format);
        assert!(pubsub(&stage, &door).deliver(&message).await.unwrap().acknowledged);
    }
    sqs.drain(&ingest).await;
    assert_eq!(Sqs::take(&sqs.dead).await.len(), 2);
    assert_kept_secret(&door);
    assert_kept_secret(&ingest);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs moto"]
async fn every_recorded_event_is_answered_as_its_readme_says() {
    let stage = Stage::new().await;
    let sqs = Sqs::start().await;
    let door = stage.webhook(&sqs.url, &[]).await;
    let entra = event_grid(&stage, &door, Schema::EventGrid).token().unwrap();
    let google = pubsub(&stage, &door).token().unwrap();
    for (case, token, status, word, queued) in [
        ("validation", &entra, 200, "512d38b6-c7b8-40c8-89fe-f46f9e9622b6", 0),
        ("options", &String::new(), 200, "", 0),
        ("event-grid", &entra, 202, "", 2),
        ("cloud-event", &entra, 202, "", 1),
        ("pubsub", &google, 202, "", 1),
    ] {
        let mut event = sample(&format!("event-webhook.{case}"));
        if !token.is_empty() {
            event["multiValueHeaders"]["Authorization"] = json!([format!("Bearer {token}")]);
        }
        let output = door.invoke(event.to_string()).await;
        let told = answer(&output);
        assert_eq!(told["statusCode"], status, "{case}: {told} {:#?}", log(&door).last());
        assert!(told["body"].as_str().unwrap().contains(word), "{case}: {told}");
        assert_eq!(Sqs::take(&sqs.events).await.len(), queued, "{case}");
    }
}

#[test]
fn every_event_has_a_case() {
    let folder = std::fs::read_dir(carnet_tests::repository().join("events")).unwrap();
    let mut names: Vec<String> = folder
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("event-webhook.") || name.starts_with("ingest-object."))
        .collect();
    names.sort();
    let webhook = ["cloud-event", "doctor", "event-grid", "options", "pubsub", "validation"];
    let ingest = ["azure", "doctor", "google", "list", "own"];
    let cases = webhook.map(|case| format!("event-webhook.{case}.json")).into_iter();
    let cases: Vec<String> = cases.chain(ingest.map(|case| format!("ingest-object.{case}.json"))).collect();
    assert_eq!(names, cases);
}
