//! The function. Of a batch of SQS, what is not done is named and comes again; an event by itself fails
//! as a whole, and whoever sent it tries again.

use crate::event::{Batch, BatchFailures, BatchItemFailure};
use carnet_federation::doctor::Report;
use carnet_federation::{BoxFuture, Result};
use carnet_ingest::follow::Message;
use carnet_ingest::{Followed, Follower, Queue};
use carnet_lambda::{Call, Failure, Function};
use carnet_objects::ObjectSink;
use carnet_objects::s3::S3Bucket;
use carnet_objects::sink::SinkListRequest;
use carnet_objects::way::Way;
use carnet_sync::Stop;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Kept free at the end, to hand back what was not begun. Parts that have arrived stay, and nothing of
/// an object that is not whole is visible.
const MARGIN: Duration = Duration::from_secs(5);

pub struct Ingest {
    follower: Follower,
    from: Way,
    bucket: Arc<S3Bucket>,
    queue: Option<Arc<Queue>>,
}

impl Ingest {
    pub fn new(follower: Follower, from: Way, bucket: Arc<S3Bucket>, queue: Option<Arc<Queue>>) -> Self {
        Self { follower, from, bucket, queue }
    }

    pub async fn warm_up(&self) -> Result<()> {
        self.from.warm_up().await
    }

    async fn batch(&self, batch: &Batch, stop: &Stop) -> Value {
        let messages: Vec<Message<'_>> = batch
            .records
            .iter()
            .map(|record| Message { id: &record.message_id, body: &record.body })
            .collect();
        let done = self.follower.follow(&messages, stop).await;
        tell(&done);
        let failed = done.failed.into_iter();
        let failures = failed.map(|item_identifier| BatchItemFailure { item_identifier }).collect();
        // Texts in a list: there is nothing that could not be written.
        serde_json::to_value(BatchFailures { batch_item_failures: failures }).unwrap_or_default()
    }

    async fn single(&self, call: Call<'_>, stop: &Stop) -> Result<Value, Failure> {
        let message = Message { id: call.request_id, body: call.event.get() };
        let done = self.follower.follow(&[message], stop).await;
        tell(&done);
        match &done.first_failure {
            Some(error) => Err(Failure::of(error)),
            None => Ok(serde_json::to_value(&done).unwrap_or_default()),
        }
    }

    async fn look_into_bucket(&self) -> Result<usize> {
        let request = SinkListRequest { page_size: Some(1), ..SinkListRequest::default() };
        Ok(ObjectSink::list(&*self.bucket, &request).await?.objects.len())
    }
}

fn tell(done: &Followed) {
    let Followed { copied, same, gone, ignored, queued, failed, .. } = done;
    tracing::info!(copied, same, gone, ignored, queued, failed = failed.len(), "followed");
}

impl Function for Ingest {
    fn doctor(&self) -> BoxFuture<'_, Report> {
        Box::pin(async {
            let mut report = self.from.doctor().await;
            let target = ObjectSink::target(&*self.bucket);
            let found = |objects: &usize| json!({ "has_objects": *objects > 0 });
            report.step("write", target, self.look_into_bucket(), found).await;
            if let Some(queue) = &self.queue {
                let found = |messages: &Option<u64>| json!({ "messages": messages });
                report.step("queue", queue.target(), queue.look(), found).await;
            }
            report
        })
    }

    fn answer<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move {
            let stop = Stop::after(call.left.saturating_sub(MARGIN));
            match Batch::read(call.event.get()) {
                Some(batch) => Ok(self.batch(&batch, &stop).await),
                None => self.single(call, &stop).await,
            }
        })
    }
}
