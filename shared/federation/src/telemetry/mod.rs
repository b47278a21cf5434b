//! Spans, logs and metrics. Identifiers in full, secrets never.
//!
//! A hop ends in one log line with its duration, and what identifies it in the other clouds' logs:
//! the token's `jti` (CloudTrail's `webIdentityTokenId`), issuer, subject, audience, the services'
//! request ids.

mod logs;
pub mod metrics;

pub use logs::{init_command, init_lambda};

use crate::assertion::Claims;
use crate::error::{Hop, Result};
use std::time::Instant;
use tracing::field::{Empty, Value};
use tracing::{Instrument, Span};

/// Runs one hop inside its span, and reports how it ended.
pub async fn hop<T>(hop: Hop, target: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let span = tracing::info_span!(
        "hop",
        hop = hop.as_str(),
        target = target,
        jti = Empty,
        issuer = Empty,
        subject = Empty,
        audience = Empty,
        scope = Empty,
        expires_in = Empty,
        expires_at = Empty,
        service_request_id = Empty,
    );
    async {
        let start = Instant::now();
        let outcome = work.await;
        let took = start.elapsed();
        metrics::hop(hop, took);
        let duration_ms = took.as_secs_f64() * 1000.0;
        match &outcome {
            Ok(_) => tracing::info!(duration_ms, "done"),
            Err(error) if error.kind().is_answer() => {
                tracing::info!(duration_ms, kind = error.kind().as_str(), code = error.code(), "done");
            }
            Err(error) => {
                metrics::error(error.kind());
                tracing::warn!(duration_ms, kind = error.kind().as_str(), code = error.code(), %error, "failed");
            }
        }
        outcome
    }
    .instrument(span)
    .await
}

/// Fills one of the hop's fields, if there is something to say.
pub fn record<V: Value>(field: &'static str, value: Option<V>) {
    if let Some(value) = value {
        Span::current().record(field, value);
    }
}

pub(crate) fn record_claims(claims: &Claims) {
    record("jti", claims.jti.as_deref());
    record("issuer", Some(claims.issuer.as_str()));
    record("subject", Some(claims.subject.as_str()));
    record("expires_at", claims.expires_at);
}
