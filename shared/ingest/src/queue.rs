//! Amazon SQS, over the official `aws-sdk-sqs` on the shared HTTP client.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use carnet_federation::config::{Env, Faults, endpoint};
use carnet_federation::http::retry::{Policy, retry};
use carnet_federation::mint::AwsSession;
use carnet_federation::{BoxFuture, Error, Hop, Kind, Result, hints, telemetry};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use reqwest::Url;

/// "Amazon SQS message quotas": entries of a batch.
const MOST: usize = 10;
/// And their bytes together: 1 MiB now, 256 KiB before and in some regions and stand-ins.
const HEAVIEST: usize = 256 << 10;
/// Batches under way at once.
const AT_ONCE: usize = 8;

pub struct Queue {
    client: Client,
    url: String,
    target: String,
}

impl Queue {
    const NAME: &str = "CARNET_EVENTS_QUEUE_URL";

    /// The queue's URL, e.g. `https://sqs.eu-central-1.amazonaws.com/111122223333/events`.
    pub fn read_url(env: &Env, faults: &mut Faults) -> Option<Url> {
        let Some(text) = env.get(Self::NAME) else {
            faults.add(Self::NAME, "is not set; it is the URL of the queue that events go to");
            return None;
        };
        let url = endpoint(text).filter(|url| url.path().len() > 1);
        if url.is_none() {
            faults.add(Self::NAME, "is not a queue's URL");
        }
        url
    }

    /// `AWS_ENDPOINT_URL_SQS` says where SQS is, if it is not the region's.
    pub fn new(session: &AwsSession, url: &Url) -> Result<Self> {
        session.region()?;
        let client = Client::from_conf(Builder::from(session.config()).build());
        let name = url.path_segments().and_then(|mut path| path.next_back()).unwrap_or_default();
        Ok(Self { client, url: url.to_string(), target: format!("queue {name}") })
    }

    pub fn target(&self) -> &str {
        &self.target
    }

    /// Puts all of them into the queue, or fails. After a failure some may be there: they are events,
    /// which may come twice.
    pub async fn send(&self, messages: Vec<String>) -> Result<()> {
        let sending: Vec<BoxFuture<'_, Result<()>>> =
            batches(messages).into_iter().map(|batch| self.send_batch(batch).boxed()).collect();
        let sent = stream::iter(sending).buffer_unordered(AT_ONCE).try_collect();
        telemetry::hop(Hop::Queue, &self.target, sent).await
    }

    /// Whether there is such a queue that this role may ask about, and how full it is: for the doctor.
    pub async fn look(&self) -> Result<Option<u64>> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let asked =
            self.client.get_queue_attributes().queue_url(&self.url).attribute_names(name.clone()).send();
        let answer = asked.await.map_err(|error| self.explain(error))?;
        Ok(answer.attributes().and_then(|all| all.get(&name)).and_then(|count| count.parse().ok()))
    }

    /// What of a batch the queue did not take is sent again, and nothing else.
    async fn send_batch(&self, batch: Vec<String>) -> Result<()> {
        let left = std::sync::Mutex::new(batch);
        let once = || async {
            let batch = left.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
            let failed = self.put(&batch).await?;
            let Some(error) = failed.first().map(|(_, error)| error.clone()) else { return Ok(()) };
            let again = failed.iter().filter_map(|(number, _)| batch.get(*number).cloned()).collect();
            *left.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = again;
            Err(error)
        };
        retry(&Policy::TOKEN_SERVICE, Hop::Queue, &self.target, once).await
    }

    /// The numbers of those that were not taken, and why.
    async fn put(&self, batch: &[String]) -> Result<Vec<(usize, Error)>> {
        let mut request = self.client.send_message_batch().queue_url(&self.url);
        for (number, body) in batch.iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(body);
            request = request.entries(entry.build().map_err(|error| {
                self.error(Kind::NotConfigured, "the request cannot be built").caused_by(error)
            })?);
        }
        let answer = request.send().await.map_err(|error| self.explain(error))?;
        let failed = answer.failed().iter().filter_map(|entry| {
            let kind = if entry.sender_fault() { Kind::Refused } else { Kind::Unavailable };
            let error = self.error(kind, entry.message().unwrap_or("a message was not taken"));
            Some((entry.id().parse().ok()?, error.with_code(entry.code())))
        });
        Ok(failed.collect())
    }

    fn error(&self, kind: Kind, message: &str) -> Error {
        Error::new(Hop::Queue, kind, &self.target, message).with_hint(&hints::QUEUE)
    }

    fn explain<E>(&self, error: SdkError<E>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match &error {
            SdkError::ServiceError(refusal) => {
                let status = refusal.raw().status().as_u16();
                let kind = match (refusal.err().code(), status) {
                    (_, 500..) => Kind::Unavailable,
                    (Some("RequestThrottled" | "ThrottlingException"), _) | (_, 429) => Kind::Throttled,
                    (_, 403) | (Some("AccessDenied" | "AccessDeniedException"), _) => Kind::Forbidden,
                    _ => Kind::Refused,
                };
                let built =
                    self.error(kind, refusal.err().message().unwrap_or("SQS refused")).with_status(status);
                match refusal.err().code() {
                    Some(code) => built.with_code(code),
                    None => built,
                }
            }
            SdkError::TimeoutError(_) => self.error(Kind::Unavailable, "no answer in time"),
            SdkError::DispatchFailure(_) => {
                self.error(Kind::Unavailable, "SQS cannot be reached").with_hint(&hints::UNREACHABLE)
            }
            SdkError::ResponseError(_) => self.error(Kind::Unavailable, "the answer is none of SQS's"),
            _ => self.error(Kind::NotConfigured, "the request cannot be built"),
        }
    }
}

fn batches(messages: Vec<String>) -> Vec<Vec<String>> {
    let (mut batches, mut weight) = (Vec::<Vec<String>>::new(), 0);
    for message in messages {
        match batches.last_mut() {
            Some(batch) if batch.len() < MOST && weight + message.len() <= HEAVIEST => {
                weight += message.len();
                batch.push(message);
            }
            _ => {
                weight = message.len();
                batches.push(vec![message]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_to_the_quotas() {
        let sizes = |messages: Vec<String>| batches(messages).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec!["x".into(); 25]), [10, 10, 5]);
        assert_eq!(sizes(vec!["x".repeat(HEAVIEST / 2); 3]), [2, 1]);
        assert!(sizes(Vec::new()).is_empty());
    }
}
