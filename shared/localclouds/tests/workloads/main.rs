//! What workloads find where they run, over real sockets: each answer, each refusal, and what the proofs
//! buy elsewhere.

#[path = "../clouds/mod.rs"]
mod clouds;

mod azure;
mod azure_app;
mod cognito;
mod elsewhere;
mod github;
mod google;
mod token_files;

use carnet_localclouds::jwt::Token;
use serde_json::{Map, Value};

/// What a token says; nothing is checked.
fn claims(token: &str) -> Map<String, Value> {
    Token::parse(token).unwrap_or_else(|_| panic!("no token: {token}")).claims
}

fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned()
}
