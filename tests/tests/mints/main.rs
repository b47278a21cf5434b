//! Every mint and the way into AWS, from the command, against servers of the tests' own on loopback: what is
//! asked, and what is said when it goes wrong. The ways through whole clouds are tested on the stand-ins.
//!
//! | module | what |
//! |---|---|
//! | `server` | a listener that answers as told, and remembers what it was asked |
//! | `file` | a token in a file |
//! | `machine` | metadata services of Azure and Google |
//! | `services` | GitHub, Cognito, Entra for an app |
//! | `role` | `carnet aws-credentials` and STS |
//! | `settings` | combinations that are refused |

#[path = "../cli_support/mod.rs"]
mod cli_support;

mod file;
mod machine;
mod role;
mod server;
mod services;
mod settings;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cli_support::{Run, Vars, carnet_with};
use serde_json::{Value, json};
use std::time::SystemTime;

pub const AUDIENCE: &str = "api://carnet-aws";
pub const GUID: &str = "11111111-2222-4333-8444-555555555555";

pub fn vars(pairs: &[(&str, &str)]) -> Vars {
    let own = [("AWS_EC2_METADATA_DISABLED", "true"), ("CARNET_SPREADING_WINDOW_SECONDS", "0")];
    own.iter().chain(pairs).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A token that nobody verifies here, from now on for so many seconds.
pub fn token(claims: Value, seconds: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
    let mut payload =
        json!({ "iss": "https://issuer.example", "sub": "somebody", "iat": now, "exp": now + seconds });
    payload.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(&json!({ "alg": "RS256", "typ": "JWT", "kid": "k" })), part(&payload))
}

/// `carnet token --cloud aws`, as JSON.
pub async fn mint(pairs: &[(&str, &str)]) -> Run {
    let own = [("CARNET_AWS_AUDIENCE", AUDIENCE)];
    let pairs: Vec<(&str, &str)> = own.iter().chain(pairs).copied().collect();
    carnet_with(&vars(&pairs), &["token", "--cloud", "aws", "--format", "json"]).await
}

/// The error of a run that must fail so, and where it is explained.
#[track_caller]
pub fn fails(run: &Run, code: i32, said: &str, anchor: &str) -> Value {
    let error = run.error();
    assert_eq!(run.code, code, "{run:?}");
    assert!(error["message"].as_str().unwrap().contains(said), "{said}: {error}");
    assert_eq!(error["help"], format!("docs/troubleshooting.md#{anchor}"), "{error}");
    assert!(run.stdout.is_empty());
    error
}
