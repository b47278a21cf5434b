//! Each function examines its own way under its own role; then what it found is held against `carnet.toml`.

use crate::aws::{self, Aws, Request};
use crate::failure::Failure;
use crate::report::{Check, Report, Stopped, check};
use crate::target::{Function, Target, role_of};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

pub const CHECKS: [Check; 2] = [
    check("doctor", "Lambda Invoke, {\"carnet\":\"doctor\"}: every hop is well"),
    check("as-stated", "role, identity and places are those of carnet.toml"),
];

/// What the doctor answers.
#[derive(Deserialize)]
struct Findings {
    ok: bool,
    hops: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    hop: String,
    #[serde(default)]
    found: Value,
    error: Option<Failure>,
}

pub async fn run(target: &Target, aws: &Aws, report: &mut Report) {
    for function in target.functions() {
        let mut findings = None;
        let outcome = async {
            let answer = invoke(target, aws, &function).await?;
            let answer: &Findings = findings.insert(answer);
            answer.hops.iter().find_map(|step| step.error.clone()).map_or(Ok(()), Err)?;
            let silent = || Failure::new("invoke", "malformed", "the doctor says neither well nor why not");
            answer.ok.then_some(()).ok_or_else(silent)
        };
        let passed = report.ask(function.name, CHECKS[0], outcome).await;
        let Some(findings) = findings else {
            report.not_run(function.name, &CHECKS[1..], "the doctor did not answer");
            continue;
        };
        if passed.is_some() {
            let hops: Vec<&str> = findings.hops.iter().map(|step| step.hop.as_str()).collect();
            report.found(format!("{}: {}", function.deployed_name, hops.join(", ")));
        }
        let compared = async { as_stated(target, &function, &findings) };
        report.ask(function.name, CHECKS[1], compared).await;
    }
}

async fn invoke(target: &Target, aws: &Aws, function: &Function<'_>) -> Result<Findings, Failure> {
    let name = &function.deployed_name;
    let request = Request {
        method: Method::POST,
        url: &aws.invocations(name),
        headers: &[("content-type", "application/json")],
        body: br#"{"carnet":"doctor"}"#,
    };
    let response =
        aws.send_signed("lambda", &request).await.map_err(|failure| failure.hop("invoke").at(name))?;
    if response.status() != StatusCode::OK {
        return Err(refusal(target, name, response).await);
    }
    let failed = response.headers().contains_key("x-amz-function-error");
    let answer = aws::json(response).await.map_err(|failure| failure.at(name))?;
    if failed {
        let words = answer["errorMessage"].as_str().unwrap_or("it does not say why");
        return Err(Failure::new("invoke", "unavailable", format!("the function failed: {words}"))
            .at(name)
            .change("its log group has the reason, at level ERROR"));
    }
    serde_json::from_value(answer).map_err(|_| {
        Failure::new("invoke", "malformed", "the answer is no doctor's report")
            .at(name)
            .change("deploy this version of the function")
    })
}

/// Lambda did not take the invocation.
async fn refusal(target: &Target, name: &str, response: Response) -> Failure {
    let status = response.status();
    let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    // AWS puts a URL after a colon there.
    let code = header("x-amzn-errortype").map(|code| code.split(':').next().unwrap_or_default().to_owned());
    let request_id = header("x-amzn-requestid");
    let words = aws::json(response).await.ok();
    let words = words.as_ref().and_then(|answer| answer.get("message").or(answer.get("Message"))?.as_str());
    let message = words.unwrap_or("Lambda refused").to_owned();
    let stage = target.deployment.stage.as_deref().unwrap_or("STAGE");
    let failure = match status {
        StatusCode::NOT_FOUND => {
            Failure::new("invoke", "not_found", message).field("function", name).change(format!(
                "deploy it (sam deploy --config-env {stage}), or name the stage and region that are deployed"
            ))
        }
        StatusCode::FORBIDDEN => Failure::new("invoke", "forbidden", message)
            .field("lambda:InvokeFunction", name)
            .change("let this machine's identity invoke the function"),
        _ => Failure::new("invoke", "unavailable", message).field("status", status.as_str()),
    };
    let lambda = format!("AWS Lambda in {}", target.region());
    failure.at(lambda).with("code", code).with("request_id", request_id)
}

/// Subject, audience, identity and places: what is deployed against what is stated.
fn as_stated(target: &Target, function: &Function<'_>, findings: &Findings) -> Result<(), Stopped> {
    let config = target.config();
    let found = |hop: &str, field: &str| {
        let step = findings.hops.iter().find(|step| step.hop == hop)?;
        step.found.get(field)?.as_str().filter(|text| !text.is_empty())
    };
    let principal = function.principal;
    let provider = config.google_audience(principal);
    let (role_arn, role_name) = (config.role_arn(function.name), config.role_name(function.name));
    let stated = [
        ("subject", found("mint", "subject"), Some(role_arn.as_str())),
        ("role", found("mint", "caller_arn").and_then(role_of), Some(role_name.as_str())),
        ("issuer", found("mint", "issuer").filter(|_| is_token(findings)), config.aws.issuer.as_deref()),
    ];
    // Of a way that was walked to its end, what is missing differs too.
    let traded = [
        ("client id", found("exchange", "client_id"), config.client_id(principal)),
        ("provider", found("exchange", "audience"), provider.as_deref()),
        (
            "service account",
            found("impersonate", "service_account"),
            config.google_service_account(principal),
        ),
    ];
    for (field, found, stated) in stated {
        if let (Some(found), Some(stated)) = (found, stated)
            && found != stated
        {
            return Err(differs(field, found, stated).into());
        }
    }
    for (field, found, stated) in traded {
        if (findings.ok || found.is_some()) && found != stated {
            return Err(differs(field, found.unwrap_or("none"), stated.unwrap_or("none")).into());
        }
    }
    if !findings.ok {
        let last = findings.hops.last().map_or("start", |step| step.hop.as_str());
        return Err(Stopped::NotRun(format!("the doctor got no further than {last}")));
    }
    // These are told one place by its URL, without a name. Their doctor has listed it.
    if function.is_of_the_sync() {
        return Ok(());
    }
    let served: BTreeSet<&str> = findings
        .hops
        .iter()
        .filter(|step| step.hop == "list")
        .filter_map(|step| step.found.get("place")?.as_str())
        .collect();
    let stated: BTreeSet<&str> = principal.reads.iter().map(String::as_str).collect();
    if served != stated {
        let words = |places: &BTreeSet<&str>| places.iter().copied().collect::<Vec<_>>().join(", ");
        return Err(differs("places", &words(&served), &words(&stated)).into());
    }
    Ok(())
}

/// A signed request's issuer is STS itself, which nobody states.
fn is_token(findings: &Findings) -> bool {
    findings.hops.iter().any(|step| step.hop == "mint" && step.found.get("jti").is_some_and(Value::is_string))
}

fn differs(field: &str, found: &str, stated: &str) -> Failure {
    Failure::new(
        "config",
        "not_configured",
        format!("what is deployed is not what carnet.toml says: {stated}"),
    )
    .field(field, found)
    .change("deploy what it says, or correct it; then render and apply the trust again")
}
