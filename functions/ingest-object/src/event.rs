//! What Lambda hands over: "Using Lambda with Amazon SQS", or one event by itself.

use serde::{Deserialize, Serialize};

/// A batch of messages. Anything else has no records of SQS.
#[derive(Deserialize)]
pub struct Batch {
    #[serde(rename = "Records")]
    pub records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub message_id: String,
    pub body: String,
    event_source: String,
}

impl Batch {
    pub fn read(event: &str) -> Option<Self> {
        let batch: Self = serde_json::from_str(event).ok()?;
        batch.records.iter().all(|record| record.event_source == "aws:sqs").then_some(batch)
    }
}

/// "Reporting batch item failures": these come again, the others are deleted from the queue.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchFailures {
    pub batch_item_failures: Vec<BatchItemFailure>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    pub item_identifier: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sqs_hands_over_batches() {
        let sqs = r#"{"Records":[{"messageId":"1","receiptHandle":"r","body":"{}","attributes":{},"messageAttributes":{},"md5OfBody":"m","eventSource":"aws:sqs","eventSourceARN":"a","awsRegion":"r"}]}"#;
        assert_eq!(Batch::read(sqs).unwrap().records[0].message_id, "1");
        for other in [
            r#"{"Records":[{"eventSource":"aws:s3","s3":{}}]}"#,
            r#"{"Records":[{"messageId":"1","body":"","eventSource":"aws:sns"}]}"#,
            r#"{"carnet":"ingest","url":"gs://bucket/key"}"#,
        ] {
            assert!(Batch::read(other).is_none(), "{other}");
        }
    }
}
