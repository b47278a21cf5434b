//! Parts on their way, while the next one is read.

use super::Setback;
use super::big::Arrived;
use carnet_federation::BoxFuture;
use carnet_objects::sink::Part;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

#[derive(Default)]
pub(super) struct Sending<'p> {
    parts: FuturesUnordered<BoxFuture<'p, Result<Part, Setback>>>,
    arrived: Arrived,
}

impl<'p> Sending<'p> {
    /// Waits for `work`, while the parts go on.
    pub async fn meanwhile<T>(
        &mut self,
        work: impl Future<Output = Result<T, Setback>>,
    ) -> Result<T, Setback> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                outcome = &mut work => return outcome,
                Some(part) = self.parts.next() => {
                    let part = part?;
                    self.arrived.insert(part.number, part);
                }
            }
        }
    }

    /// One more; waits while there are too many.
    pub async fn push(
        &mut self,
        part: BoxFuture<'p, Result<Part, Setback>>,
        at_once: usize,
    ) -> Result<(), Setback> {
        self.parts.push(part);
        while self.parts.len() >= at_once.max(1)
            && let Some(part) = self.parts.next().await
        {
            let part = part?;
            self.arrived.insert(part.number, part);
        }
        Ok(())
    }

    pub async fn finish(mut self) -> Result<Arrived, Setback> {
        while let Some(part) = self.parts.next().await {
            let part = part?;
            self.arrived.insert(part.number, part);
        }
        Ok(self.arrived)
    }
}
