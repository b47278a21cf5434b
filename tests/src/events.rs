//! The two functions that events pass through, started by hand: what they need is not in the stage's
//! configuration. And Amazon SQS, which is moto's.

use crate::tool::{Server, tool};
use crate::{Stage, binary, repository};
use aws_credential_types::Credentials;
use carnet_localclouds::lambda::{
    self, EventSource, Function, FunctionSpec, GatewayOptions, InvokeOutput, ResponseTransferMode,
};
use serde_json::{Value, json};
use std::time::Duration;

/// Against a hang of the test itself, never a measure.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The door: what Entra's tokens are for, and Google's.
pub const AUDIENCE: &str = "api://carnet-events";
pub const PUSH_AUDIENCE: &str = "https://events.example.com/events/google";

impl Stage {
    /// The door, with its queue at that URL of SQS.
    pub async fn webhook(&self, sqs: &str, more: &[(&str, &str)]) -> Function {
        let state = self.local.state();
        let queue = format!("{sqs}/123456789012/events");
        let own = [
            ("AWS_ENDPOINT_URL_SQS", sqs),
            ("CARNET_EVENTS_QUEUE_URL", &queue),
            ("CARNET_EVENTS_AZURE_TENANT_ID", &state.entra.tenant_id),
            ("CARNET_EVENTS_AZURE_AUDIENCES", AUDIENCE),
            ("CARNET_EVENTS_AZURE_SUBJECTS", carnet_localclouds::push::event_grid::EVENT_GRID),
            ("CARNET_EVENTS_GOOGLE_AUDIENCES", PUSH_AUDIENCE),
            ("CARNET_EVENTS_GOOGLE_SUBJECTS", crate::SERVICE_ACCOUNT),
            ("CARNET_EVENTS_GOOGLE_ISSUER", &state.google.accounts),
        ];
        self.start("event-webhook", own.iter().chain(more), Duration::from_secs(30)).await
    }

    /// What follows events from `source` to `destination`, in so much time.
    pub async fn ingest(
        &self,
        source: &str,
        destination: &str,
        more: &[(&str, &str)],
        timeout: Duration,
    ) -> Function {
        let own = [("CARNET_SYNC_SOURCE", source), ("CARNET_SYNC_DESTINATION", destination)];
        self.start("ingest-object", own.iter().chain(more), timeout).await
    }

    /// As the operator, whose role may go everywhere.
    pub(crate) async fn start<'v>(
        &self,
        name: &str,
        variables: impl Iterator<Item = &'v (&'v str, &'v str)>,
        timeout: Duration,
    ) -> Function {
        let handle = self.local.shared.clone();
        let (operator, role) = {
            let world = handle.world();
            (world.operator.clone(), world.aws.access_keys[&world.operator].role.clone())
        };
        let mut spec = FunctionSpec::new(name, binary(name), role);
        spec.access_key_id = Some(operator);
        spec.timeout = timeout;
        spec.env = self.env().into_iter().collect();
        spec.env.extend(variables.map(|(name, value)| (name.to_string(), value.to_string())));
        let gateway = GatewayOptions {
            resources: vec!["/events/azure".to_owned(), "/events/google".to_owned()],
            response_transfer_mode: ResponseTransferMode::Buffered,
            ..GatewayOptions::default()
        };
        lambda::start(handle, spec, gateway).await.expect("a function that starts")
    }
}

/// A recorded event.
pub fn sample(name: &str) -> Value {
    let text = std::fs::read(repository().join(format!("events/{name}.json"))).expect("a sample");
    serde_json::from_slice(&text).expect("a sample is JSON")
}

/// What a function answers, which must not be a failure.
pub async fn invoke(function: &Function, event: &Value) -> Value {
    let output = function.invoke(event.to_string()).await;
    assert_eq!(output.function_error, None, "{output:?} {:#?}", function.logs().lines());
    answer(&output)
}

pub fn answer(output: &InvokeOutput) -> Value {
    serde_json::from_slice(&output.payload).expect("a document")
}

/// A batch of SQS, as Lambda hands it over.
pub fn batch(bodies: &[(&str, Value)]) -> Value {
    let record = |(id, body): &(&str, Value)| {
        let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        json!({
            "messageId": id, "receiptHandle": "AQEB", "body": text, "attributes": {},
            "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:events", "awsRegion": "eu-central-1",
        })
    };
    json!({ "Records": bodies.iter().map(record).collect::<Vec<_>>() })
}

/// The ids of messages that are to come again.
pub fn failed(answer: &Value) -> Vec<&str> {
    let failures = answer["batchItemFailures"].as_array().expect("failures of a batch");
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().expect("an id")).collect()
}

/// Every line that the function logged, as JSON; what is no JSON is the platform's.
pub fn log(function: &Function) -> Vec<Value> {
    function.logs().lines().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// moto's SQS, with a queue whose messages come three times and then are dead.
pub struct Sqs {
    pub url: String,
    pub events: EventSource,
    pub dead: EventSource,
    _server: Server,
}

impl Sqs {
    pub async fn start() -> Self {
        let mut command = tool("CARNET_MOTO_SERVER", "moto");
        command.args(["--host", "127.0.0.1", "--port", "0"]);
        let server = Server::start(command, "Running on ").await;
        let url = server.url.clone();
        let (dead, events) = (queue(&url, "dead"), queue(&url, "events"));
        create(&dead, "dead", json!({})).await;
        let redrive = json!({ "deadLetterTargetArn": dead.queue_arn, "maxReceiveCount": "3" }).to_string();
        create(&events, "events", json!({ "VisibilityTimeout": "1", "RedrivePolicy": redrive })).await;
        Self { url, events, dead, _server: server }
    }

    pub async fn send(&self, body: &str) {
        let request = json!({ "QueueUrl": self.events.queue_url, "MessageBody": body });
        self.events.call("SendMessage", &request).await.expect("a message is taken");
    }

    /// Bodies of the messages of a queue, which they leave.
    pub async fn take(source: &EventSource) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let request = json!({ "QueueUrl": source.queue_url, "MaxNumberOfMessages": 10 });
            let answer = source.call("ReceiveMessage", &request).await.expect("messages");
            let answer: Value = serde_json::from_slice(&answer).expect("JSON");
            let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                bodies.push(message["Body"].as_str().expect("a body").to_owned());
                let handle = &message["ReceiptHandle"];
                let request = json!({ "QueueUrl": source.queue_url, "ReceiptHandle": handle });
                source.call("DeleteMessage", &request).await.expect("it is deleted");
            }
        }
    }

    /// How many messages a queue has, under way or not.
    pub async fn count(source: &EventSource) -> usize {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let request = json!({ "QueueUrl": source.queue_url, "AttributeNames": names });
        let answer = source.call("GetQueueAttributes", &request).await.expect("attributes");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        let count = |name| answer["Attributes"][name].as_str().and_then(|count| count.parse::<usize>().ok());
        names.into_iter().filter_map(count).sum()
    }

    /// Hands messages to a function until the queue is empty: all done, or dead.
    pub async fn drain(&self, function: &Function) {
        let drained = async {
            while Self::count(&self.events).await > 0 {
                let turn = function.poll(&self.events).await.expect("a turn");
                if turn.received == 0 {
                    // Until the others are visible again.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        };
        tokio::time::timeout(PATIENCE, drained).await.expect("the queue is drained");
    }
}

fn queue(url: &str, name: &str) -> EventSource {
    EventSource {
        client: reqwest::Client::builder().no_proxy().build().expect("a client"),
        endpoint: url.to_owned(),
        queue_url: format!("{url}/123456789012/{name}"),
        queue_arn: format!("arn:aws:sqs:eu-central-1:123456789012:{name}"),
        region: "eu-central-1".to_owned(),
        credentials: Credentials::new("AKIAEVENTS", "of-no-use-elsewhere", None, None, "test"),
        batch_size: 10,
    }
}

async fn create(source: &EventSource, name: &str, attributes: Value) {
    let request = json!({ "QueueName": name, "Attributes": attributes });
    let answer = source.call("CreateQueue", &request).await.expect("a queue");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    assert_eq!(answer["QueueUrl"], source.queue_url.as_str());
}
