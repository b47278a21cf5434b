//! A function that does what its event says, for the tests of the Lambda stand-in: it answers,
//! streams, panics, hangs, aborts.

use futures_util::stream::{self, BoxStream, StreamExt as _};
use lambda_runtime::{Error, FunctionResponse, LambdaEvent, MetadataPrelude, StreamResponse, service_fn};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

type Bytes = BoxStream<'static, Result<Vec<u8>, Error>>;
type Response = FunctionResponse<Value, Bytes>;

const PIECE: usize = 64 << 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    match std::env::var("ECHO_INIT").as_deref() {
        Ok("fail") => return Err("the configuration is wrong".into()),
        Ok("exit") => std::process::exit(7),
        _ => {}
    }
    if std::env::var_os("ECHO_GRACEFUL").is_some() {
        lambda_runtime::spawn_graceful_shutdown_handler(|| async { println!("goodbye") }).await;
    }
    println!("hello from {}", std::process::id());
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Response, Error> {
    let LambdaEvent { payload, context } = event;
    eprintln!("working on {}", context.request_id);
    match payload["httpMethod"].as_str() {
        Some(_) => over_http(payload).await,
        None => directly(payload).await.map(FunctionResponse::BufferedResponse),
    }
}

async fn directly(payload: Value) -> Result<Value, Error> {
    match payload["do"].as_str().unwrap_or_default() {
        "env" => Ok(json!(std::env::vars().collect::<BTreeMap<_, _>>())),
        "pid" => Ok(json!(std::process::id())),
        "big" => Ok(json!("x".repeat(payload["bytes"].as_u64().unwrap_or_default() as usize))),
        "fail" => Err("it went wrong".into()),
        "panic" => panic!("on request"),
        "exit" => std::process::exit(3),
        "hang" => std::future::pending().await,
        _ => Ok(payload),
    }
}

async fn over_http(event: Value) -> Result<Response, Error> {
    let number = |name: &str| {
        event["queryStringParameters"][name]
            .as_str()
            .and_then(|text| text.parse::<usize>().ok())
            .unwrap_or_default()
    };
    let body: Bytes = match event["path"].as_str().unwrap_or_default() {
        "/large" => pieces(number("bytes")).boxed(),
        "/abort" => pieces(number("bytes")).chain(abort_once_told(signal(&event))).boxed(),
        "/panic" => panic!("on request"),
        "/exit" => std::process::exit(3),
        "/hang" => std::future::pending().await,
        "/buffered" => {
            return Ok(FunctionResponse::BufferedResponse(json!({ "statusCode": 200, "body": "buffered" })));
        }
        "/teapot" => return Ok(teapot()),
        _ => stream::once(async move { Ok(event.to_string().into_bytes()) }).boxed(),
    };
    Ok(FunctionResponse::StreamingResponse(StreamResponse {
        metadata_prelude: MetadataPrelude::default(),
        stream: body,
    }))
}

fn teapot() -> Response {
    let prelude = MetadataPrelude {
        status_code: http::StatusCode::IM_A_TEAPOT,
        cookies: vec!["a=1".to_owned(), "b=2".to_owned()],
        ..Default::default()
    };
    FunctionResponse::StreamingResponse(StreamResponse {
        metadata_prelude: prelude,
        stream: stream::empty().boxed(),
    })
}

fn pieces(bytes: usize) -> impl stream::Stream<Item = Result<Vec<u8>, Error>> + Send {
    stream::iter((0..bytes).step_by(PIECE).map(move |at| Ok(vec![b'x'; PIECE.min(bytes - at)])))
}

/// The file whose appearance lets the function go on.
fn signal(event: &Value) -> PathBuf {
    PathBuf::from(event["queryStringParameters"]["signal"].as_str().unwrap_or_default())
}

fn abort_once_told(signal: PathBuf) -> impl stream::Stream<Item = Result<Vec<u8>, Error>> + Send {
    stream::once(async move {
        while !signal.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        std::process::abort()
    })
}
