//! Where log lines go and which are written.

use crate::config::Env;
use crate::error::{Error, Hop, Kind, Result};
use crate::hints;
use std::str::FromStr;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Our crates. Only they follow a general level below `info`: the SDKs' debug lines are theirs,
/// and may show more than ours would. Name an SDK's target in `RUST_LOG` to see it all the same.
const OURS: [&str; 14] = [
    "carnet",
    "carnet_federation",
    "carnet_objects",
    "carnet_localclouds",
    "carnet_cli",
    "carnet_ingest",
    "carnet_oidc",
    "blob_api",
    "event_webhook",
    "gcs_api",
    "ingest_object",
    "carnet_sync",
    "carnet_trust",
    "hop",
];

/// Lambda's logging: JSON on stdout unless `AWS_LAMBDA_LOG_FORMAT` says `Text`; the level of
/// `AWS_LAMBDA_LOG_LEVEL`, else of `RUST_LOG`, else `info`. ("Configuring advanced logging controls
/// for Lambda functions".) Also switches the metrics on.
pub fn init_lambda(env: &Env) -> Result<()> {
    refuse_sensitive_bodies(env)?;
    let targets = targets(env.get("AWS_LAMBDA_LOG_LEVEL").or_else(|| env.get("RUST_LOG")), LevelFilter::INFO);
    let text = env.get("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("text"));
    let registry = tracing_subscriber::registry().with(targets);
    // A second start in one process (a test) keeps the first.
    let _ = if text {
        registry.with(fmt::layer().with_ansi(false).without_time()).try_init()
    } else {
        registry
            .with(fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(true))
            .try_init()
    };
    super::metrics::enable(env.get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or("unknown"));
    Ok(())
}

/// A command's logging: text on stderr, `error` unless `RUST_LOG` says otherwise.
pub fn init_command<W>(env: &Env, colour: bool, writer: W) -> Result<()>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    refuse_sensitive_bodies(env)?;
    let targets = hushed(targets(env.get("RUST_LOG"), LevelFilter::ERROR));
    let layer = fmt::layer().with_ansi(colour).with_writer(writer).without_time();
    let _ = tracing_subscriber::registry().with(targets).with(layer).try_init();
    Ok(())
}

/// With it the AWS SDK writes response bodies into the log, and STS's hold tokens.
fn refuse_sensitive_bodies(env: &Env) -> Result<()> {
    match env.get("LOG_SENSITIVE_BODIES") {
        None => Ok(()),
        Some(_) => Err(Error::new(
            Hop::Config,
            Kind::NotConfigured,
            "LOG_SENSITIVE_BODIES",
            "LOG_SENSITIVE_BODIES is set, so tokens would be logged; refusing to start",
        )
        .with_hint(&hints::SENSITIVE_BODIES)),
    }
}

fn targets(asked: Option<&str>, fallback: LevelFilter) -> Targets {
    let asked = asked.and_then(|text| Targets::from_str(&text.to_ascii_lowercase()).ok());
    // A word that is no level parses as a target's name: it must not silence everything else.
    let asked = asked.unwrap_or_default();
    let asked = if asked.default_level().is_none() { asked.with_default(fallback) } else { asked };
    match asked.default_level() {
        Some(level) if level > LevelFilter::INFO => {
            let ours = OURS.iter().map(|target| (*target, level));
            let named: Vec<_> = asked.iter().map(|(target, level)| (target.to_owned(), level)).collect();
            Targets::new().with_default(LevelFilter::INFO).with_targets(ours).with_targets(named)
        }
        _ => asked,
    }
}

/// Without what S3's stand-in is built on, unless it is named: to that every request that it refuses is
/// an error.
fn hushed(asked: Targets) -> Targets {
    let named: Vec<_> = asked.iter().map(|(target, level)| (target.to_owned(), level)).collect();
    let default = asked.default_level().unwrap_or(LevelFilter::ERROR);
    Targets::new().with_default(default).with_target("s3s", LevelFilter::OFF).with_targets(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn debug_is_for_our_own_crates_unless_another_is_named() {
        let general = targets(Some("DEBUG"), LevelFilter::INFO);
        assert!(general.would_enable("carnet_federation::mint", &Level::DEBUG));
        assert!(!general.would_enable("aws_smithy_runtime", &Level::DEBUG));
        let named = targets(Some("trace,hyper=debug"), LevelFilter::INFO);
        assert!(named.would_enable("hyper::client", &Level::DEBUG));
        assert!(!named.would_enable("aws_smithy_runtime", &Level::TRACE));
    }

    #[test]
    fn an_unreadable_level_is_the_default() {
        assert!(targets(Some("loud"), LevelFilter::INFO).would_enable("x", &Level::INFO));
        assert!(!targets(None, LevelFilter::INFO).would_enable("x", &Level::DEBUG));
    }

    #[test]
    fn what_the_stand_in_is_built_on_is_hushed_unless_it_is_named() {
        let hushed_unless = |asked| hushed(targets(asked, LevelFilter::ERROR));
        assert!(!hushed_unless(None).would_enable("s3s::ops", &Level::ERROR));
        assert!(hushed_unless(None).would_enable("carnet_sync", &Level::ERROR));
        assert!(hushed_unless(Some("warn,s3s=debug")).would_enable("s3s::ops", &Level::DEBUG));
    }

    #[test]
    fn sensitive_bodies_are_refused() {
        let env: Env = [("LOG_SENSITIVE_BODIES", "true")].into_iter().collect();
        let error = refuse_sensitive_bodies(&env).unwrap_err();
        assert!(error.to_string().contains("LOG_SENSITIVE_BODIES"));
    }
}
