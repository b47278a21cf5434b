//! The binary that ships, under Lambda's own Runtime Interface Emulator: AWS's implementation of the
//! runtime API, not ours.

use carnet_localclouds::faults::Hop;
use carnet_tests::api::{BLOB_API, Door, GCS_API, HELLO};
use carnet_tests::{ACCOUNT, BUCKET, CONTAINER, Stage, binary, repository};
use serde_json::Value;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Stopped when dropped; the function ends with it.
struct Emulator {
    child: Child,
    address: SocketAddr,
    door: Door,
}

impl Emulator {
    /// Returns when it listens. It starts the function at the first invocation.
    async fn start(stage: &Stage, door: Door) -> Self {
        let (address, runtime_api) = (free_address(), free_address());
        let child = Command::new(runtime_interface_emulator())
            .arg("--runtime-interface-emulator-address")
            .arg(address.to_string())
            .arg("--runtime-api-address")
            .arg(runtime_api.to_string())
            .arg(binary(door.function))
            .env_clear()
            .envs(stage.env())
            .env("CARNET_PLACES", places(door))
            .env("AWS_LAMBDA_FUNCTION_NAME", door.function)
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "30")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("_HANDLER", "bootstrap")
            .stdout(Stdio::null())
            .spawn()
            .expect("the emulator starts");
        let emulator = Self { child, address, door };
        let start = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(30), "the emulator does not listen");
            tokio::task::yield_now().await;
        }
        emulator
    }

    /// What the function answers: the head, and the body behind its eight NUL bytes.
    async fn invoke(&self, stage: &Stage, case: &str) -> (Value, Vec<u8>) {
        let event = format!("events/{}.{case}.json", self.door.function);
        let event = std::fs::read(repository().join(event)).expect("an event");
        let url = format!("http://{}/2015-03-31/functions/function/invocations", self.address);
        let answer = stage.client().post(url).body(event).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
        let bytes = answer.bytes().await.expect("the whole answer");
        let end = bytes.windows(8).position(|window| window == [0; 8]).expect("a head and a body");
        (serde_json::from_slice(&bytes[..end]).expect("a head in JSON"), bytes[end + 8..].to_vec())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn places(door: Door) -> String {
    let url = match door.store {
        Hop::Blob => format!("azure://{ACCOUNT}/{CONTAINER}"),
        _ => format!("gs://{BUCKET}"),
    };
    let name = door.place.rsplit('/').next().expect("a place");
    format!("{name}={url}")
}

fn runtime_interface_emulator() -> PathBuf {
    let path = std::env::var_os("CARNET_RIE_BIN").map(PathBuf::from);
    path.filter(|path| path.is_file())
        .expect("CARNET_RIE_BIN names no file: `cargo xtask test --only rie` sets it")
}

fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs the emulator"]
async fn blob_api_runs_on_awss_own_runtime_api() {
    runs(BLOB_API).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs the emulator"]
async fn gcs_api_runs_on_awss_own_runtime_api() {
    runs(GCS_API).await;
}

async fn runs(door: Door) {
    let stage = Stage::new().await;
    stage.put("hello.txt", HELLO);
    let emulator = Emulator::start(&stage, door).await;

    let (head, body) = emulator.invoke(&stage, "get").await;
    assert_eq!(head["statusCode"], 200, "{head}");
    assert_eq!(body, HELLO);

    let (head, body) = emulator.invoke(&stage, "get-range").await;
    assert_eq!(head["statusCode"], 206, "{head}");
    assert_eq!(body, &HELLO[..5]);

    let (head, body) = emulator.invoke(&stage, "unknown-place").await;
    assert_eq!(head["statusCode"], 404, "{head}");
    let problem: Value = serde_json::from_slice(&body).expect("a problem in JSON");
    assert_eq!(problem["type"], "urn:carnet:problem:unknown-place");
}
