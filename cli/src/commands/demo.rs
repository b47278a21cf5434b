//! `carnet demo`
//!
//! | module | what happens there |
//! |---|---|
//! | `border` | the two clouds that are gone to, as data |
//! | `stage` | the stand-ins and the real function binaries, each act in a fresh environment |
//! | `evidence` | what the function's own log says of each hop |
//! | `letter` | the one letter that is changed |
//! | `story` | what the audience reads |

mod border;
mod evidence;
mod letter;
mod stage;
mod story;

use crate::args::{Format, Global};
use crate::failure::Failure;
use border::{BORDERS, Border};
use letter::Swap;
use serde::Serialize;
use stage::{Answer, Stage};
use std::path::PathBuf;
use std::time::Instant;
use story::Story;

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo          builds what it needs, then runs this
  carnet demo               with the functions' binaries beside this program
  carnet demo --functions target/release";

/// Watch Lambda functions read from Azure and Google Cloud without a key, offline
///
/// Starts the clouds' stand-ins and the real function binaries in this process's care, sends each a
/// request through API Gateway's shape, and shows each hop. Then one letter of the trust is changed,
/// and the same request is refused. Then it is put right. Exit code 0 means that all acts went as
/// told.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where the functions' binaries lie [default: beside this program]
    #[arg(long, value_name = "FOLDER")]
    functions: Option<PathBuf>,
}

pub async fn run(args: &Args, global: &Global) -> Result<(), Failure> {
    let start = Instant::now();
    let stage = Stage::open(args.functions.as_deref()).await?;
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
    cloud: &'static str,
    act: &'static str,
    answer: Answer,
    hops: Vec<evidence::Hop>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator_sees: Option<evidence::Failure>,
}

async fn play(stage: &Stage, story: &mut Story) -> Result<Vec<Outcome>, Failure> {
    story.opening().map_err(Failure::stdout)?;
    let mut acts = Vec::new();
    for border in &BORDERS {
        story.border(border, &stage.binary(border)).map_err(Failure::stdout)?;
        acts.push(works(stage, story, border, "The trust is right").await?);
        let swap = Swap::in_text(&stage.stated(border)?)?;
        stage.state(border, &swap.after)?;
        acts.push(refused(stage, story, border, &swap).await?);
        stage.state(border, &swap.before)?;
        story.repair(&swap).map_err(Failure::stdout)?;
        acts.push(works(stage, story, border, "The letter is put back").await?);
    }
    Ok(acts)
}

async fn works(
    stage: &Stage,
    story: &mut Story,
    border: &Border,
    act: &'static str,
) -> Result<Outcome, Failure> {
    story.act(border, act, &stage.trust(border)).map_err(Failure::stdout)?;
    let scene = stage.ask(border).await?;
    let hops = scene.hops(&["mint", "exchange"]).await?;
    story.works(&scene.url, &hops, &scene.answer).map_err(Failure::stdout)?;
    expect(act, "status 200", scene.answer.status == 200)?;
    expect(act, "the object's own bytes", scene.answer.body == border.bytes)?;
    let stated = stage.stated(border)?;
    expect(act, "the subject that the trust names", {
        hops.iter().any(|hop| hop.subject.as_ref().is_some_and(|subject| stated.contains(subject)))
    })?;
    let answer = scene.end().await;
    Ok(Outcome { cloud: border.cloud, act, answer, hops, operator_sees: None })
}

async fn refused(stage: &Stage, story: &mut Story, border: &Border, swap: &Swap) -> Result<Outcome, Failure> {
    const ACT: &str = "One letter of it is wrong";
    story.change(border, ACT, swap).map_err(Failure::stdout)?;
    let scene = stage.ask(border).await?;
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
    for internal in stage.internals() {
        expect(ACT, "no internals in what the caller gets", !text.contains(&internal))?;
    }
    expect(ACT, "the field at fault in the operator's log", failure.field.as_deref() == Some(border.field))?;
    let presented = hops.iter().find_map(|hop| hop.subject.as_ref());
    expect(ACT, "what was presented in the operator's log", {
        presented.is_some_and(|subject| failure.error.contains(subject))
    })?;
    let answer = scene.end().await;
    Ok(Outcome { cloud: border.cloud, act: ACT, answer, hops, operator_sees: Some(failure) })
}

fn expect(act: &str, what: &str, holds: bool) -> Result<(), Failure> {
    if holds {
        Ok(())
    } else {
        Err(Failure::Other(format!("the demo went wrong in {act:?}: expected {what}")))
    }
}
