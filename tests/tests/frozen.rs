//! A function whose environment was frozen for six hours: Lambda suspends the micro-VM, so that its
//! monotonic clock stood still while the wall clock went on. The process is stopped for real, and
//! libfaketime moves its wall clock alone. What reckoned expiry by `Instant` would go on with a token
//! that has long ended, and what let connections rest by a monotonic timer with one that nobody
//! carries any more: the way to the store loses them meanwhile, silently.

use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_localclouds::lambda::{self, Function, FunctionSpec, GatewayOptions};
use carnet_localclouds::local::RESOURCES;
use carnet_tests::api::{BLOB_API, Door, GCS_API};
use carnet_tests::relay::Relay;
use carnet_tests::{Stage, binary, program_of};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const VARIABLE: &str = "CARNET_FAKETIME_LIB";
const HOURS: u64 = 6;

const TEXT: &str = "read after the freeze too";

/// A function, and how often each hop is asked for a token, and for an object.
struct Way {
    door: Door,
    token: &'static [Hop],
    object: &'static [Hop],
}

const BLOB: Way = Way { door: BLOB_API, token: &[Hop::Sts, Hop::EntraToken], object: &[Hop::Blob] };
const GCS: Way = Way {
    door: GCS_API,
    token: &[Hop::Sts, Hop::GoogleSts],
    // The object's metadata by our client, its bytes by Google's.
    object: &[Hop::GoogleStorage, Hop::GoogleMedia],
};
const GCS_AS_ACCOUNT: Way = Way {
    door: Door { function: "gcs-api-as-account", ..GCS_API },
    token: &[Hop::Sts, Hop::GoogleSts, Hop::GoogleIamCredentials],
    ..GCS
};
const GCS_BY_ROLE: Way =
    Way { door: Door { function: "gcs-api-by-role", ..GCS_API }, token: &[Hop::GoogleSts], ..GCS };

#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs libfaketime"]
async fn after_a_freeze_of_six_hours_blob_api_uses_no_stale_token_and_no_stale_connection() {
    thaws(BLOB).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs libfaketime"]
async fn after_a_freeze_of_six_hours_gcs_api_uses_no_stale_token_and_no_stale_connection() {
    for way in [GCS, GCS_AS_ACCOUNT, GCS_BY_ROLE] {
        thaws(way).await;
    }
}

async fn thaws(way: Way) {
    let stage = Stage::new().await;
    stage.put("read.txt", TEXT);
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    set(&clock, "+0");
    let store = store(&stage, &way).await;
    let function = start(&stage, &way, &store, &clock).await;
    let faults = &stage.local.shared.faults;
    let asked = |tokens: usize, objects: usize, what: &str| {
        for (hops, times) in [(way.token, tokens), (way.object, objects)] {
            for hop in hops {
                assert_eq!(stage.count(*hop), times, "{hop} of {}: {what}", way.door.function);
            }
        }
    };

    get(&stage, &way, &function).await;
    get(&stage, &way, &function).await;
    asked(1, 2, "the token is kept while it lives");

    let [pid] = function.pids()[..] else { panic!("one environment") };
    signal(pid, "-STOP");
    set(&clock, &format!("+{HOURS}h"));
    // The clouds were not frozen: their clocks agree with the one it will see.
    let seconds = (HOURS * 3600) as i64;
    for hop in way.token.iter().chain(way.object) {
        faults.add(Rule::always(*hop, Fault::ClockSkew { seconds }));
    }
    let before = store.accepted();
    store.lose_connections();
    signal(pid, "-CONT");

    get(&stage, &way, &function).await;
    asked(2, 3, "a fresh proof and token, and none that ended was tried at the store");
    assert!(store.accepted() > before, "new connections");
    // A try on a lost connection would have waited for an answer, and then been followed by another.
    let again = function.logs().lines().into_iter().find(|line| line.contains("trying again"));
    assert_eq!(again, None, "a connection from before the freeze was used");
    get(&stage, &way, &function).await;
    asked(2, 4, "the new token is kept in turn");
    assert_eq!((function.pids(), function.environments_started()), (vec![pid], 1));
    function.stop().await;
}

/// The stretch of network between the function and its store.
async fn store(stage: &Stage, way: &Way) -> Relay {
    let endpoints = stage.local.shared.endpoints.get().expect("the stand-ins listen");
    let store = if way.door.store == Hop::Blob { &endpoints.azure_blob } else { &endpoints.google_storage };
    Relay::to(store).await
}

/// The real function, on a clock that the file states.
async fn start(stage: &Stage, way: &Way, store: &Relay, clock: &Path) -> Function {
    let Some(library) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        panic!("{VARIABLE} is not set: run `cargo xtask test e2e`, which installs libfaketime and sets it")
    };
    assert!(library.exists(), "{VARIABLE} names {}, which is not there", library.display());
    let name = way.door.function;
    let function = stage.local.shared.world().functions[name].clone();
    let mut spec = FunctionSpec::new(name, binary(program_of(name)), function.role);
    spec.access_key_id = Some(function.access_key_id);
    spec.env = function.environment;
    let endpoints = [
        "AWS_ENDPOINT_URL_STS",
        "AZURE_AUTHORITY_HOST",
        "CARNET_GOOGLE_STS_ENDPOINT",
        "CARNET_GOOGLE_IAM_CREDENTIALS_ENDPOINT",
        "SSL_CERT_FILE",
    ];
    spec.env.extend(stage.env().into_iter().filter(|(name, _)| endpoints.contains(&name.as_str())));
    let text = |path: &Path| path.to_str().expect("a path in Unicode").to_owned();
    spec.env.extend([
        ("CARNET_AZURE_BLOB_ENDPOINT".to_owned(), format!("{}/{{account}}", store.url())),
        ("CARNET_GOOGLE_STORAGE_ENDPOINT".to_owned(), store.url().to_owned()),
        ("LD_PRELOAD".to_owned(), text(&library)),
        ("FAKETIME_TIMESTAMP_FILE".to_owned(), text(clock)),
        ("FAKETIME_NO_CACHE".to_owned(), "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned()),
    ]);
    // The runtime API tells its deadlines by the true clock: they must still lie ahead afterwards.
    spec.timeout = Duration::from_secs((HOURS + 1) * 3600);
    let api =
        GatewayOptions { resources: RESOURCES.map(str::to_owned).to_vec(), ..GatewayOptions::default() };
    lambda::start(stage.local.shared.clone(), spec, api).await.unwrap()
}

async fn get(stage: &Stage, way: &Way, function: &Function) {
    let url = format!("{}{}/read.txt", function.base_url(), way.door.place);
    let answer = stage.client().get(url).send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!((status.as_u16(), text.as_str()), (200, TEXT), "{}", function.logs().lines().join("\n"));
}

/// At once or not at all: the function may look at any moment.
fn set(clock: &Path, offset: &str) {
    let partial = clock.with_extension("partial");
    std::fs::write(&partial, offset).unwrap();
    std::fs::rename(&partial, clock).unwrap();
}

fn signal(pid: u32, name: &str) {
    let done = Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
    assert!(done.success(), "kill {name} {pid}");
}
