//! A function whose environment was frozen for six hours: Lambda suspends the micro-VM, so that its
//! monotonic clock stood still while the wall clock went on. The process is stopped for real, and
//! libfaketime moves its wall clock alone. What reckoned expiry by `Instant` would go on with a
//! token that has long ended.

use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_localclouds::lambda::{self, Function, FunctionSpec, GatewayOptions};
use carnet_localclouds::local::RESOURCES;
use carnet_tests::{Stage, binary};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const VARIABLE: &str = "CARNET_FAKETIME_LIB";
const HOURS: u64 = 6;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs libfaketime"]
async fn after_a_freeze_of_six_hours_no_stale_token_is_used() {
    let stage = Stage::new().await;
    stage.put("read.txt", "read after the freeze too");
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    set(&clock, "+0");
    let function = start(&stage, &clock).await;
    let faults = &stage.local.shared.faults;
    let counts = || [Hop::Sts, Hop::EntraToken, Hop::Blob].map(|hop| faults.seen(hop).len());

    get(&stage, &function).await;
    get(&stage, &function).await;
    assert_eq!(counts(), [1, 1, 2], "the token is kept while it lives");

    let [pid] = function.pids()[..] else { panic!("one environment") };
    signal(pid, "-STOP");
    set(&clock, &format!("+{HOURS}h"));
    // The clouds were not frozen: their clocks agree with the one it will see.
    let seconds = (HOURS * 3600) as i64;
    for hop in [Hop::Sts, Hop::EntraToken, Hop::Blob] {
        faults.add(Rule::always(hop, Fault::ClockSkew { seconds }));
    }
    signal(pid, "-CONT");

    get(&stage, &function).await;
    assert_eq!(counts(), [2, 2, 3], "a fresh proof and token, and none that ended was tried at the store");
    get(&stage, &function).await;
    assert_eq!(counts(), [2, 2, 4], "the new token is kept in turn");
    assert_eq!((function.pids(), function.environments_started()), (vec![pid], 1));
    function.stop().await;
}

/// The real `blob-api`, on a clock that the file states.
async fn start(stage: &Stage, clock: &Path) -> Function {
    let Some(library) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        panic!("{VARIABLE} is not set: run `cargo xtask test e2e`, which installs libfaketime and sets it")
    };
    assert!(library.exists(), "{VARIABLE} names {}, which is not there", library.display());
    let function = stage.local.shared.world().functions["blob-api"].clone();
    let mut spec = FunctionSpec::new("blob-api", binary("blob-api"), function.role);
    spec.access_key_id = Some(function.access_key_id);
    spec.env = function.environment;
    let endpoints =
        ["AWS_ENDPOINT_URL_STS", "AZURE_AUTHORITY_HOST", "CARNET_AZURE_BLOB_ENDPOINT", "SSL_CERT_FILE"];
    spec.env.extend(stage.env().into_iter().filter(|(name, _)| endpoints.contains(&name.as_str())));
    let text = |path: &Path| path.to_str().expect("a path in Unicode").to_owned();
    spec.env.extend([
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

async fn get(stage: &Stage, function: &Function) {
    let url = format!("{}/azure/assets/read.txt", function.base_url());
    let answer = stage.client().get(url).send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(
        (status.as_u16(), text.as_str()),
        (200, "read after the freeze too"),
        "{}",
        function.logs().lines().join("\n")
    );
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
