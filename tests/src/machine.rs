//! The template's state machine, executed: moto interprets it, with the real function binaries behind its
//! tasks and the stack's bucket under its maps.

use crate::deployment::Deployment;
use crate::tool::{Server, tool};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Between two looks at an execution.
const LOOK: Duration = Duration::from_millis(50);
/// The name of the machine's role and of its key.
const ROLE: &str = "carnet-eu-central-1-sync-machine";

pub struct Machine<'d> {
    deployment: &'d Deployment,
    server: Server,
    http: reqwest::Client,
    count: AtomicUsize,
}

/// An execution that is at work, or was.
#[derive(Clone, Debug)]
pub struct Execution {
    arn: String,
}

/// How one ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT`.
    pub status: String,
    pub output: Value,
    pub error: String,
}

impl<'d> Machine<'d> {
    /// Under the role that the template gives the machine.
    pub async fn new(deployment: &'d Deployment) -> Self {
        deployment.sign_in(ROLE, deployment.deployed.policies("SyncMachineRole"));
        let state = deployment.stage.local.state();
        let mut command = tool("CARNET_MOTO_PYTHON", "moto");
        command
            .arg(crate::repository().join("tests/moto/state_machine.py"))
            .env("CARNET_LAMBDA_ENDPOINT", state.aws.lambda)
            .env("CARNET_S3_ENDPOINT", state.aws.s3.endpoint)
            .env("AWS_CA_BUNDLE", state.ca_file)
            .env("AWS_ACCESS_KEY_ID", ROLE)
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let server = Server::start(command, "Running on ").await;
        let http = deployment.stage.client();
        Self { deployment, server, http, count: AtomicUsize::new(0) }
    }

    /// The template's definition, its substitutions made.
    pub fn definition(&self) -> Value {
        let properties = self.deployment.deployed.properties("SyncMachine");
        let mut text = properties["Definition"].to_string();
        for (name, value) in properties["DefinitionSubstitutions"].as_object().expect("substitutions") {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text = text.replace(&format!("${{{name}}}"), &value);
        }
        assert!(!text.contains("${"), "every substitution is made: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Starts an execution of the template's machine.
    pub async fn start(&self, input: Value) -> Execution {
        self.start_of(self.definition(), input).await
    }

    pub async fn start_of(&self, definition: Value, input: Value) -> Execution {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let machine = json!({
            "name": format!("carnet-sync-{number}"),
            "definition": definition.to_string(),
            "roleArn": format!("arn:aws:iam::123456789012:role/{ROLE}"),
        });
        let created = self.call("CreateStateMachine", machine).await;
        let start = json!({ "stateMachineArn": created["stateMachineArn"], "input": input.to_string() });
        let started = self.call("StartExecution", start).await;
        Execution { arn: started["executionArn"].as_str().expect("an ARN").to_owned() }
    }

    /// RedriveExecution: from the step that failed, with what it had been given ("Restarting state machine
    /// executions with redrive"). moto has no such call, so an execution is begun there. Of a map AWS
    /// starts those children anew that failed, and here all begin again, which is more to withstand.
    pub async fn redrive(&self, execution: &Execution) -> Execution {
        let history = self.call("GetExecutionHistory", json!({ "executionArn": execution.arn })).await;
        let events = history["events"].as_array().expect("events");
        let top: Vec<_> = self.definition()["States"].as_object().expect("states").keys().cloned().collect();
        let entered = events.iter().rev().find_map(|event| {
            let entered = event.get("stateEnteredEventDetails")?;
            top.iter().any(|name| entered["name"] == *name).then_some(entered)
        });
        let entered = entered.expect("a state that was entered");
        let mut definition = self.definition();
        definition["StartAt"] = entered["name"].clone();
        let input = serde_json::from_str(entered["input"].as_str().expect("an input")).expect("JSON");
        self.start_of(definition, input).await
    }

    pub async fn wait(&self, execution: &Execution) -> Ended {
        loop {
            let seen = self.call("DescribeExecution", json!({ "executionArn": execution.arn })).await;
            let status = seen["status"].as_str().expect("a status");
            if status != "RUNNING" {
                let output = seen["output"].as_str().and_then(|text| serde_json::from_str(text).ok());
                return Ended {
                    status: status.to_owned(),
                    output: output.unwrap_or_default(),
                    error: seen["error"].as_str().unwrap_or_default().to_owned(),
                };
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    pub async fn run(&self, input: Value) -> Ended {
        let execution = self.start(input).await;
        self.wait(&execution).await
    }

    /// What happened, for whoever wonders why.
    pub async fn history(&self, execution: &Execution) -> Value {
        self.call("GetExecutionHistory", json!({ "executionArn": execution.arn })).await
    }

    async fn call(&self, action: &str, body: Value) -> Value {
        let answer = self
            .http
            .post(&self.server.url)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AWSStepFunctions.{action}"))
            // moto takes the region from it, and checks nothing.
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=x/20261122/eu-central-1/states/aws4_request, SignedHeaders=host, Signature=x",
            )
            .body(body.to_string())
            .send()
            .await
            .expect("moto answers");
        let (status, answer) = (answer.status(), answer.text().await.expect("a body"));
        assert!(status.is_success(), "{action}: {status} {answer}");
        serde_json::from_str(&answer).expect("JSON")
    }
}
