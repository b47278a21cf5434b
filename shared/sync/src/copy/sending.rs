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
    pub fn push(&mut self, part: BoxFuture<'p, Result<Part, Setback>>) {
        self.parts.push(part);
    }

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
                Some(part) = self.parts.next() => self.take(part)?,
            }
        }
    }

    pub async fn wait_for_fewer_than(&mut self, most: usize) -> Result<(), Setback> {
        while self.parts.len() >= most
            && let Some(part) = self.parts.next().await
        {
            self.take(part)?;
        }
        Ok(())
    }

    pub async fn finish(mut self) -> Result<Arrived, Setback> {
        self.wait_for_fewer_than(1).await?;
        Ok(self.arrived)
    }

    fn take(&mut self, part: Result<Part, Setback>) -> Result<(), Setback> {
        let part = part?;
        self.arrived.insert(part.number, part);
        Ok(())
    }
}
