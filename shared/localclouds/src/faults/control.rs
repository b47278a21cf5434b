//! A small listener to set rules and count requests from outside the process.
//!
//! | request | what it does |
//! |---|---|
//! | `PUT /faults` | takes one rule a line, in the text form of [`super::rule`], in place of all so far |
//! | `GET /faults` | gives them back |
//! | `DELETE /faults` | no rule any more |
//! | `GET /requests` | `{hop: {"METHOD /path": count}}` |
//! | `DELETE /requests` | counts from zero |

use super::{Faults, Hop, Rule};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use std::collections::BTreeMap;

pub fn router(faults: Faults) -> Router {
    Router::new()
        .route("/faults", get(list).put(replace).delete(clear))
        .route("/requests", get(count).delete(forget))
        .with_state(faults)
}

async fn list(State(faults): State<Faults>) -> String {
    faults.rules().iter().map(|rule| format!("{rule}\n")).collect()
}

async fn replace(State(faults): State<Faults>, text: String) -> (StatusCode, String) {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (rules, errors): (Vec<_>, Vec<_>) = lines.map(str::parse::<Rule>).partition(Result::is_ok);
    let errors: String =
        errors.into_iter().filter_map(Result::err).map(|error| format!("{error}\n")).collect();
    if !errors.is_empty() {
        return (StatusCode::BAD_REQUEST, errors);
    }
    faults.set(rules.into_iter().flatten().collect());
    (StatusCode::NO_CONTENT, String::new())
}

async fn clear(State(faults): State<Faults>) -> StatusCode {
    faults.clear();
    StatusCode::NO_CONTENT
}

async fn forget(State(faults): State<Faults>) -> StatusCode {
    faults.forget_seen();
    StatusCode::NO_CONTENT
}

async fn count(State(faults): State<Faults>) -> Json<BTreeMap<&'static str, BTreeMap<String, u64>>> {
    let mut hops = BTreeMap::new();
    for hop in Hop::ALL {
        let mut counts = BTreeMap::new();
        for seen in faults.seen(hop) {
            *counts.entry(format!("{} {}", seen.method, seen.path)).or_insert(0) += 1;
        }
        hops.insert(hop.name(), counts);
    }
    Json(hops)
}
