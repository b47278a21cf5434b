//! `carnet demo`
//!
//! | module | what happens there |
//! |---|---|
//! | `stage` | the stand-ins and the real function binary, each act in a fresh environment |
//! | `evidence` | what the function's own log says of each hop |
//! | `letter` | the one letter that is changed |
//! | `story` | what the audience reads |

mod evidence;
mod letter;
mod stage;
mod story;

use crate::args::{Format, Global};
use crate::failure::Failure;
use letter::Swap;
use serde::Serialize;
use stage::{Answer, Stage};
use std::path::PathBuf;
use std::time::Instant;
use story::Story;

/// The object that is asked for.
const KEY: &str = "carnet.txt";
const BLOB: &[u8] = include_bytes!("demo/assets/carnet.txt");

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo          builds what it needs, then runs this
  carnet demo               with target/debug/blob-api beside this program
  carnet demo --function target/release/blob-api";

/// Watch a Lambda function read an Azure blob without a key, offline
///
/// Starts the clouds' stand-ins and the real function binary in this process's care, sends it a
/// request through API Gateway's shape, and shows each hop. Then one letter of the trust is changed,
/// and the same request is refused. Then it is put right. Exit code 0 means that all three acts went
/// as told.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The function's binary [default: blob-api beside this program]
    #[arg(long, value_name = "FILE")]
    function: Option<PathBuf>,
}

pub async fn run(args: &Args, global: &Global) -> Result<(), Failure> {
    let start = Instant::now();
    let stage = Stage::open(args.function.as_deref()).await?;
    let mut story = Story::new(global);
    let outcome = tokio::select! {
        outcome = play(&stage, &mut story) => outcome,
        // Whatever runs and lies about is cleared away all the same.
        () = super::stopped() => Err(Failure::Interrupted),
    };
    stage.close().await;
    let acts = outcome?;
    let took = start.elapsed();
    if global.format == Format::Json {
        let summary = serde_json::json!({ "ok": true, "acts": acts, "duration_ms": took.as_millis() as u64 });
        return story.json(&summary).map_err(Failure::stdout);
    }
    story.end(took).map_err(Failure::stdout)
}

/// What an act came to.
#[derive(Serialize)]
struct Outcome {
    act: &'static str,
    answer: Answer,
    hops: Vec<evidence::Hop>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator_sees: Option<evidence::Failure>,
}

async fn play(stage: &Stage, story: &mut Story) -> Result<Vec<Outcome>, Failure> {
    story.opening(stage).map_err(Failure::stdout)?;
    let trusted = works(stage, story, "Act 1. The trust is right").await?;
    let swap = Swap::in_subject(&stage.credential()?)?;
    stage.set_subject(&swap.after)?;
    let refused = refused(stage, story, &swap).await?;
    stage.set_subject(&swap.before)?;
    story.repair(&swap).map_err(Failure::stdout)?;
    let repaired = works(stage, story, "Act 3. The letter is put back").await?;
    Ok(vec![trusted, refused, repaired])
}

async fn works(stage: &Stage, story: &mut Story, act: &'static str) -> Result<Outcome, Failure> {
    let credential = stage.credential()?;
    story.act(act, &credential).map_err(Failure::stdout)?;
    let scene = stage.ask(KEY).await?;
    let hops = scene.hops(&["mint", "exchange"]).await?;
    story.works(&scene.url, &hops, &scene.answer).map_err(Failure::stdout)?;
    expect(act, "status 200", scene.answer.status == 200)?;
    expect(act, "the blob's own bytes", scene.answer.body == BLOB)?;
    expect(act, "the subject that the credential names", {
        hops.iter().any(|hop| hop.subject.as_deref() == Some(&credential.subject))
    })?;
    let answer = scene.end().await;
    Ok(Outcome { act, answer, hops, operator_sees: None })
}

async fn refused(stage: &Stage, story: &mut Story, swap: &Swap) -> Result<Outcome, Failure> {
    const ACT: &str = "Act 2. One letter of the subject is wrong";
    story.change(ACT, swap).map_err(Failure::stdout)?;
    let scene = stage.ask(KEY).await?;
    let failure = scene.failure().await?;
    let hops = scene.hops(&["mint"]).await?;
    story.refused(&scene.url, &hops, &scene.answer, &failure).map_err(Failure::stdout)?;
    expect(ACT, "status 502", scene.answer.status == 502)?;
    expect(
        ACT,
        "a problem document",
        scene.answer.content_type.as_deref() == Some("application/problem+json"),
    )?;
    let text = String::from_utf8_lossy(&scene.answer.body);
    for internal in ["AADSTS", "arn:", "subject", "127.0.0.1", &stage.tenant_id()] {
        expect(ACT, "no internals in what the caller gets", !text.contains(internal))?;
    }
    expect(ACT, "the field `subject` in the operator's log", failure.field.as_deref() == Some("subject"))?;
    expect(ACT, "what was presented in the operator's log", failure.error.contains(&swap.before))?;
    let answer = scene.end().await;
    Ok(Outcome { act: ACT, answer, hops, operator_sees: Some(failure) })
}

fn expect(act: &str, what: &str, holds: bool) -> Result<(), Failure> {
    if holds {
        Ok(())
    } else {
        Err(Failure::Other(format!("the demo went wrong in {act:?}: expected {what}")))
    }
}
