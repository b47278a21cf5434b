//! A real function binary (`examples/echo_function.rs`) behind the Lambda stand-in, over sockets.

mod support;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use carnet_localclouds::lambda::{self, Function, FunctionSpec, GatewayOptions, ResponseTransferMode};
use carnet_localclouds::local::Handle;
use carnet_localclouds::world::AccessKey;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;
use support::{Folder, ROLE, client, handle, world};

/// Against a hang of the test itself, never a measure.
const PATIENCE: Duration = Duration::from_secs(60);

fn binary() -> PathBuf {
    // Beside `deps/`, where this test lies.
    let own = std::env::current_exe().unwrap();
    own.parent().unwrap().parent().unwrap().join("examples/echo_function")
}

fn spec() -> FunctionSpec {
    FunctionSpec::new("echo", binary(), ROLE)
}

/// Keys take a second to make: all tests share them.
static SHARED: LazyLock<Handle> = LazyLock::new(|| handle(world()));

async fn start(change: impl FnOnce(&mut FunctionSpec, &mut GatewayOptions)) -> Function {
    let (mut spec, mut options) = (spec(), GatewayOptions::default());
    change(&mut spec, &mut options);
    lambda::start(SHARED.clone(), spec, options).await.unwrap()
}

async fn invoke(function: &Function, payload: Value) -> (Option<String>, Value) {
    let call = client().post(function.invoke_url()).body(payload.to_string()).send();
    let response = tokio::time::timeout(PATIENCE, call).await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    let error = response.headers().get("x-amz-function-error").map(|it| it.to_str().unwrap().to_owned());
    (error, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

async fn get(function: &Function, target: &str) -> reqwest::Response {
    let call = client().get(format!("{}{target}", function.base_url())).send();
    tokio::time::timeout(PATIENCE, call).await.unwrap().unwrap()
}

async fn json_of(response: reqwest::Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// Waits until a process is gone, not only told to go.
async fn gone(pid: u32) {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    tokio::time::timeout(PATIENCE, async {
        while proc.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_payload_goes_in_and_comes_back_as_it_is() {
    let function = start(|_, _| {}).await;
    let (error, answer) = invoke(&function, json!({ "carnet": "doctor", "n": [1, 2] })).await;
    assert_eq!((error, answer), (None, json!({ "carnet": "doctor", "n": [1, 2] })));
    assert!(function.logs().contains("hello from"));
    assert!(function.logs().lines().iter().any(|line| line.starts_with("REPORT RequestId: ")));
    function.stop().await;
}

#[tokio::test]
async fn a_request_becomes_the_event_of_a_rest_api() {
    let function = start(|_, options| options.stage = "live".to_owned()).await;
    let url = format!("{}/azure/docs/a%20b/c%2Fd?prefix=x%2Fy&n=1&n=2", function.base_url());
    let response =
        client().put(url).header("x-two", "1").header("x-two", "2").body("text").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers().contains_key("x-amzn-requestid"));
    let event = json_of(response).await;
    assert_eq!(event["resource"], "/{proxy+}");
    assert_eq!(event["httpMethod"], "PUT");
    assert_eq!(event["path"], "/azure/docs/a%20b/c%2Fd");
    assert_eq!(event["pathParameters"]["proxy"], "azure/docs/a%20b/c%2Fd");
    assert_eq!(event["queryStringParameters"], json!({ "prefix": "x/y", "n": "2" }));
    assert_eq!(event["multiValueQueryStringParameters"]["n"], json!(["1", "2"]));
    assert_eq!(event["multiValueHeaders"]["x-two"], json!(["1", "2"]));
    assert_eq!(event["headers"]["x-two"], "2");
    assert_eq!(event["headers"]["X-Forwarded-Proto"], "http");
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("text"), &json!(false)));
    assert_eq!(event["requestContext"]["stage"], "live");
    assert_eq!(event["requestContext"]["accountId"], "111122223333");
    // What was recorded can be sent again, directly.
    let (_, replayed) = invoke(&function, json!({ "recorded": event })).await;
    assert_eq!(replayed["recorded"], event);
    function.stop().await;
}

#[tokio::test]
async fn status_and_cookies_of_a_stream_reach_the_caller() {
    let function = start(|_, _| {}).await;
    let response = get(&function, "/teapot").await;
    assert_eq!(response.status(), 418);
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(response.headers()["content-type"], "application/octet-stream");
    assert!(response.bytes().await.unwrap().is_empty());
    function.stop().await;
}

#[tokio::test]
async fn a_stream_may_be_longer_than_six_megabytes() {
    let function = start(|_, _| {}).await;
    let bytes = 20_000_001;
    let response = get(&function, &format!("/large?bytes={bytes}")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["transfer-encoding"], "chunked");
    let body = response.bytes().await.unwrap();
    assert_eq!(body.len(), bytes);
    assert!(body.iter().all(|byte| *byte == b'x'));
    assert_eq!(function.environments_started(), 1);
    function.stop().await;
}

#[tokio::test]
async fn a_stream_over_the_limit_is_broken_not_ended() {
    let function = start(|_, _| {}).await;
    let limit = usize::try_from(lambda::MAX_STREAM).unwrap();
    let mut response = get(&function, &format!("/large?bytes={}", limit + 1)).await;
    assert_eq!(response.status(), 200);
    let mut read = 0;
    let end = loop {
        match response.chunk().await {
            Ok(Some(piece)) => read += piece.len(),
            other => break other,
        }
    };
    assert!(end.is_err(), "a clean end after {read} bytes");
    assert!(read <= limit);
    function.stop().await;
}

#[tokio::test]
async fn an_abort_in_the_middle_breaks_the_callers_transfer() {
    let function = start(|_, _| {}).await;
    let folder = Folder::new();
    let signal = folder.join("go");
    let target = format!("/abort?bytes=300000&signal={}", signal.display());
    let mut response = get(&function, &target).await;
    assert_eq!(response.status(), 200);
    let first = response.chunk().await.unwrap().unwrap();
    assert!(!first.is_empty());
    std::fs::write(&signal, "").unwrap();
    let broken = loop {
        match response.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken, "the caller saw a clean end");
    function.logs().wait_for("REPORT RequestId").await;
    // The next request finds a new environment.
    assert_eq!(get(&function, "/again").await.status(), 200);
    assert_eq!(function.environments_started(), 2);
    function.stop().await;
}

#[tokio::test]
async fn a_failure_before_the_first_byte_is_a_502() {
    let function = start(|_, _| {}).await;
    for path in ["/panic", "/exit", "/buffered"] {
        let response = get(&function, path).await;
        assert_eq!(response.status(), 502, "{path}");
        assert_eq!(json_of(response).await, json!({ "message": "Internal server error" }));
    }
    function.stop().await;
}

#[tokio::test]
async fn a_buffered_api_takes_documents_and_no_streams() {
    let function = start(|_, options| options.response_transfer_mode = ResponseTransferMode::Buffered).await;
    let response = get(&function, "/buffered").await;
    assert_eq!((response.status().as_u16(), response.text().await.unwrap()), (200, "buffered".to_owned()));
    assert_eq!(get(&function, "/echo").await.status(), 502);
    function.stop().await;
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_environment_stays() {
    let function = start(|_, _| {}).await;
    let (_, before) = invoke(&function, json!({ "do": "pid" })).await;
    let (error, answer) = invoke(&function, json!({ "do": "panic" })).await;
    assert_eq!(error.as_deref(), Some("Unhandled"));
    assert!(answer["errorMessage"].as_str().unwrap().contains("on request"), "{answer}");
    let (error, answer) = invoke(&function, json!({ "do": "fail" })).await;
    assert_eq!(error.as_deref(), Some("Unhandled"));
    assert_eq!(answer["errorMessage"], "it went wrong");
    let (_, after) = invoke(&function, json!({ "do": "pid" })).await;
    assert_eq!(before, after);
    function.stop().await;
}

#[tokio::test]
async fn a_process_that_exits_is_reported_and_replaced() {
    let function = start(|_, _| {}).await;
    let (_, before) = invoke(&function, json!({ "do": "pid" })).await;
    let (error, answer) = invoke(&function, json!({ "do": "exit" })).await;
    assert_eq!(error.as_deref(), Some("Unhandled"));
    assert_eq!(answer["errorType"], "Runtime.ExitError");
    let message = answer["errorMessage"].as_str().unwrap();
    assert!(message.ends_with("Error: Runtime exited with error: exit status 3"), "{message}");
    let (error, after) = invoke(&function, json!({ "do": "pid" })).await;
    assert_eq!(error, None);
    assert_ne!(before, after);
    function.stop().await;
}

#[tokio::test]
async fn the_timeout_ends_the_environment() {
    let function = start(|spec, _| spec.timeout = Duration::from_secs(1)).await;
    let (_, pid) = invoke(&function, json!({ "do": "pid" })).await;
    let (error, answer) = invoke(&function, json!({ "do": "hang" })).await;
    assert_eq!(error.as_deref(), Some("Unhandled"));
    assert_eq!(answer["errorType"], "Sandbox.Timedout");
    assert!(answer["errorMessage"].as_str().unwrap().ends_with("Task timed out after 1.00 seconds"));
    gone(u32::try_from(pid.as_u64().unwrap()).unwrap()).await;
    assert_eq!(invoke(&function, json!({ "do": "pid" })).await.0, None);
    function.stop().await;
}

#[tokio::test]
async fn the_api_does_not_wait_longer_than_its_integration() {
    let function = start(|spec, options| {
        spec.timeout = Duration::from_secs(2);
        options.integration_timeout = Duration::from_millis(300);
    })
    .await;
    let response = get(&function, "/hang").await;
    assert_eq!(response.status(), 504);
    assert_eq!(json_of(response).await, json!({ "message": "Endpoint request timed out" }));
    // The function was not told: it runs into its own timeout.
    function.logs().wait_for("Task timed out after 2.00 seconds").await;
    function.stop().await;
}

#[tokio::test]
async fn a_reply_over_six_megabytes_is_refused() {
    let function = start(|_, _| {}).await;
    let (error, answer) = invoke(&function, json!({ "do": "big", "bytes": 6_000_000 })).await;
    assert_eq!((error, answer.as_str().unwrap().len()), (None, 6_000_000));
    let (error, answer) = invoke(&function, json!({ "do": "big", "bytes": 6_300_000 })).await;
    assert_eq!(error.as_deref(), Some("Unhandled"));
    assert_eq!(answer["errorType"], "Function.ResponseSizeTooLarge");
    let big = vec![b' '; lambda::MAX_PAYLOAD + 1];
    let response = client().post(function.invoke_url()).body(big).send().await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(response.headers()["x-amzn-errortype"], "RequestTooLargeException");
    function.stop().await;
}

#[tokio::test]
async fn requests_beyond_the_environments_wait_their_turn() {
    let function = start(|spec, _| spec.concurrency = 2).await;
    let calls = (0..12).map(|_| get(&function, "/echo"));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    assert!((1..=2).contains(&function.environments_started()));
    assert!(function.pids().len() <= 2);
    function.stop().await;
}

#[tokio::test]
async fn a_process_that_fails_at_init_says_why() {
    let function = start(|spec, _| {
        spec.env.insert("ECHO_INIT".to_owned(), "exit".to_owned());
    })
    .await;
    let (error, answer) = invoke(&function, json!({})).await;
    assert_eq!(error.as_deref(), Some("Unhandled"));
    assert!(answer["errorMessage"].as_str().unwrap().contains("exit status 7"), "{answer}");
    assert!(function.pids().is_empty());
    function.stop().await;

    let function = start(|spec, _| spec.binary = PathBuf::from("/nowhere/bootstrap")).await;
    let (_, answer) = invoke(&function, json!({})).await;
    assert_eq!(answer["errorType"], "Runtime.InvalidEntrypoint");
    assert!(answer["errorMessage"].as_str().unwrap().contains("/nowhere/bootstrap"), "{answer}");
    function.stop().await;
}

#[tokio::test]
async fn the_environment_is_lambdas_and_nothing_else() {
    let function = start(|spec, _| {
        spec.env.insert("AZURE_TENANT_ID".to_owned(), "t".to_owned());
    })
    .await;
    let (_, variables) = invoke(&function, json!({ "do": "env" })).await;
    let mut names: Vec<&str> = variables.as_object().unwrap().keys().map(String::as_str).collect();
    // The official runtime sets it for each invocation.
    names.retain(|name| *name != "_X_AMZN_TRACE_ID");
    assert_eq!(
        names,
        [
            "AWS_ACCESS_KEY_ID",
            "AWS_DEFAULT_REGION",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_LAMBDA_FUNCTION_VERSION",
            "AWS_LAMBDA_INITIALIZATION_TYPE",
            "AWS_LAMBDA_LOG_GROUP_NAME",
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "AWS_LAMBDA_RUNTIME_API",
            "AWS_REGION",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AZURE_TENANT_ID",
            "LAMBDA_RUNTIME_DIR",
            "LAMBDA_TASK_ROOT",
            "LANG",
            "PATH",
            "TZ",
            "_HANDLER",
        ]
    );
    let id = variables["AWS_ACCESS_KEY_ID"].as_str().unwrap().to_owned();
    {
        let world = SHARED.world();
        let session = &world.aws.access_keys[&id];
        assert_eq!((session.role.as_str(), session.session_name.as_str()), (ROLE, "echo"));
        assert_eq!(session.secret, variables["AWS_SECRET_ACCESS_KEY"].as_str().unwrap());
        let arn = "arn:aws:lambda:eu-central-1:111122223333:function:echo";
        assert_eq!(session.function_arn.as_deref(), Some(arn));
    }
    function.stop().await;
    assert!(!SHARED.world().aws.access_keys.contains_key(&id), "the session outlived its environment");
}

#[tokio::test]
async fn sigterm_reaches_who_registered_for_it() {
    let function = start(|spec, _| {
        spec.env.insert("ECHO_GRACEFUL".to_owned(), "1".to_owned());
        spec.shutdown_grace = PATIENCE;
    })
    .await;
    let (_, pid) = invoke(&function, json!({ "do": "pid" })).await;
    let logs = function.logs().clone();
    function.stop().await;
    assert!(logs.contains("goodbye"), "{:?}", logs.lines());
    gone(u32::try_from(pid.as_u64().unwrap()).unwrap()).await;
}

#[tokio::test]
async fn a_dropped_function_leaves_no_process() {
    let function = start(|_, _| {}).await;
    let (_, pid) = invoke(&function, json!({ "do": "pid" })).await;
    drop(function);
    gone(u32::try_from(pid.as_u64().unwrap()).unwrap()).await;
}

#[tokio::test]
async fn an_unknown_role_is_refused_at_start() {
    let spec = FunctionSpec::new("echo", binary(), "nobody");
    let refused = lambda::start(SHARED.clone(), spec, GatewayOptions::default()).await;
    assert!(refused.err().unwrap().to_string().contains("\"nobody\""));
}

#[tokio::test]
async fn an_unsigned_caller_is_refused_when_the_api_checks() {
    let function = start(|_, options| options.check_sigv4 = true).await;
    let response = get(&function, "/azure/docs").await;
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()["x-amzn-errortype"], "MissingAuthenticationTokenException");
    assert_eq!(json_of(response).await, json!({ "message": "Missing Authentication Token" }));
    assert_eq!(function.environments_started(), 0);
    function.stop().await;
}

#[tokio::test]
async fn a_signed_caller_is_named_in_the_event() {
    let function = start(|_, options| options.check_sigv4 = true).await;
    let key = AccessKey {
        secret: "caller-secret".to_owned(),
        session_token: None,
        role: ROLE.to_owned(),
        session_name: "caller".to_owned(),
        expires_at: None,
        function_arn: None,
        instance_arn: None,
    };
    SHARED.world_mut().aws.access_keys.insert("AKIACALLER".to_owned(), key);
    let url = format!("{}/azure/docs?prefix=a%2Fb", function.base_url());
    let call = |secret: &str| {
        let signed = signed_headers(&url, secret).into_iter();
        signed.fold(client().get(&url), |call, (name, value)| call.header(name, value)).send()
    };
    let answer = call("caller-secret").await.unwrap();
    assert_eq!(answer.status(), 200);
    let identity = json_of(answer).await["requestContext"]["identity"].clone();
    assert_eq!(identity["accessKey"], "AKIACALLER");
    let arn = format!("arn:aws:sts::111122223333:assumed-role/{ROLE}/caller");
    assert_eq!(identity["userArn"], arn);
    let forged = call("another-secret").await.unwrap();
    assert_eq!(forged.status(), 403);
    assert_eq!(forged.headers()["x-amzn-errortype"], "InvalidSignatureException");
    let message = json_of(forged).await["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("The request signature we calculated does not match"), "{message}");
    function.stop().await;
}

fn signed_headers(url: &str, secret: &str) -> Vec<(String, String)> {
    let identity = Credentials::new("AKIACALLER", secret, None, None, "test").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name("execute-api")
        .time(std::time::SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let request = SignableRequest::new("GET", url, std::iter::empty(), SignableBody::Bytes(b"")).unwrap();
    let (instructions, _signature) = sign(request, &parameters).unwrap().into_parts();
    instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
