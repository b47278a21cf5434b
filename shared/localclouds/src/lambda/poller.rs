//! An event source mapping of SQS: asks a queue for messages, invokes a function with the batch, deletes
//! what it did not report as failed. What failed is visible again after the queue's own time, and goes
//! to the dead-letter queue by the queue's own rule. ("Using Lambda with Amazon SQS", "Handling errors
//! for an SQS event source".)

use super::pool::{self, Pool};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

/// A queue, and how to ask it.
pub struct EventSource {
    pub client: reqwest::Client,
    /// Where SQS is, without a slash at the end.
    pub endpoint: String,
    pub queue_url: String,
    pub queue_arn: String,
    pub region: String,
    pub credentials: Credentials,
    /// At most ten.
    pub batch_size: usize,
}

/// What became of one batch; empty if there was no message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    pub received: usize,
    /// Ids of messages that stay in the queue.
    pub failed: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Received {
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    message_id: String,
    receipt_handle: String,
    body: String,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    #[serde(default)]
    attributes: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    batch_item_failures: Option<Vec<Failure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: Option<String>,
}

pub(crate) async fn turn(pool: &Arc<Pool>, source: &EventSource) -> io::Result<Turn> {
    let asked = json!({
        "QueueUrl": source.queue_url,
        "MaxNumberOfMessages": source.batch_size.clamp(1, 10),
        "AttributeNames": ["All"],
    });
    let received: Received = parsed(&source.call("ReceiveMessage", &asked).await?)?;
    let messages = received.messages;
    if messages.is_empty() {
        return Ok(Turn::default());
    }
    let event = json!({ "Records": messages.iter().map(|one| source.record(one)).collect::<Vec<_>>() });
    let output = pool::buffered(pool.invoke(Bytes::from(event.to_string())).await).await;
    let all = || messages.iter().map(|message| message.message_id.clone()).collect::<BTreeSet<_>>();
    let failed = match output.function_error {
        Some(_) => all(),
        None => failed(&output.payload, &all()),
    };
    let done: Vec<Value> = messages
        .iter()
        .filter(|message| !failed.contains(&message.message_id))
        .enumerate()
        .map(|(number, message)| json!({ "Id": number.to_string(), "ReceiptHandle": message.receipt_handle }))
        .collect();
    if !done.is_empty() {
        source.call("DeleteMessageBatch", &json!({ "QueueUrl": source.queue_url, "Entries": done })).await?;
    }
    Ok(Turn { received: messages.len(), failed })
}

/// "Lambda treats a batch as a complete success" without failures, "as a complete failure" if an
/// identifier is empty or unknown.
fn failed(payload: &[u8], all: &BTreeSet<String>) -> BTreeSet<String> {
    let Ok(answer) = serde_json::from_slice::<Answer>(payload) else { return BTreeSet::new() };
    let mut failed = BTreeSet::new();
    for failure in answer.batch_item_failures.unwrap_or_default() {
        match failure.item_identifier {
            Some(id) if all.contains(&id) => failed.insert(id),
            _ => return all.clone(),
        };
    }
    failed
}

impl EventSource {
    fn record(&self, message: &Message) -> Value {
        json!({
            "messageId": message.message_id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": message.attributes,
            "messageAttributes": {},
            "md5OfBody": message.md5_of_body,
            "eventSource": "aws:sqs",
            "eventSourceARN": self.queue_arn,
            "awsRegion": self.region,
        })
    }

    /// One call of SQS's JSON protocol, signed.
    pub async fn call(&self, action: &str, request: &Value) -> io::Result<Vec<u8>> {
        let url = format!("{}/", self.endpoint);
        let target = format!("AmazonSQS.{action}");
        let body = request.to_string();
        let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.0")];
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("sqs")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(io::Error::other)?
            .into();
        let host = self.endpoint.split_once("://").map_or("", |(_, host)| host);
        let signed = headers.into_iter().chain([("host", host)]);
        let signable = SignableRequest::new("POST", &url, signed, SignableBody::Bytes(body.as_bytes()))
            .map_err(io::Error::other)?;
        let (instructions, _) = sign(signable, &params).map_err(io::Error::other)?.into_parts();
        let mut call = self.client.post(&url).body(body.clone());
        for (name, value) in headers.into_iter().chain(instructions.headers()) {
            call = call.header(name, value);
        }
        let response = call.send().await.map_err(io::Error::other)?;
        let status = response.status();
        let answer = response.bytes().await.map_err(io::Error::other)?;
        if !status.is_success() {
            let text = String::from_utf8_lossy(&answer);
            return Err(io::Error::other(format!("{action} is answered {status}: {text}")));
        }
        Ok(answer.to_vec())
    }
}

fn parsed<'d, T: Deserialize<'d>>(document: &'d [u8]) -> io::Result<T> {
    serde_json::from_slice(document).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_reported_is_done_and_what_cannot_be_told_is_failed() {
        let all: BTreeSet<String> = ["a", "b"].map(str::to_owned).into();
        let failed = |answer: &str| failed(answer.as_bytes(), &all).into_iter().collect::<Vec<_>>();
        assert_eq!(failed(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#), ["b"]);
        for success in ["{}", "null", r#"{"batchItemFailures":[]}"#, r#"{"batchItemFailures":null}"#] {
            assert!(failed(success).is_empty(), "{success}");
        }
        for failure in [
            r#"{"batchItemFailures":[{"itemIdentifier":"c"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
        ] {
            assert_eq!(failed(failure), ["a", "b"], "{failure}");
        }
    }
}
