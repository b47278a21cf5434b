//! One big object over several processes: for engines that have many. Each step may be made by another
//! process, at the same time, and again. Whoever comes last copies the object as usual, which finds
//! nothing left to send.

use super::{BigCopy, Copier, Object, Setback};
use crate::error::SyncError;
use crate::plan::Task;
use carnet_federation::{Error, Hop, Kind};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use std::ops::RangeInclusive;

impl Copier {
    /// Begins the upload, or finds it begun.
    pub async fn begin(&self, task: &Task) -> Result<BigCopy, SyncError> {
        let object = self.object_of(task)?;
        let begun = self.begin_or_go_on(&object).await;
        begun.map(|(big, _)| big).map_err(|setback| self.as_error(setback))
    }

    /// Copies those of these parts that have not arrived. `false`: it was to stop first.
    pub async fn parts(&self, big: &BigCopy, numbers: RangeInclusive<u32>) -> Result<bool, SyncError> {
        match self.stop.or(self.missing_parts(big, numbers)).await {
            None => Ok(false),
            Some(Ok(())) => Ok(true),
            Some(Err(setback)) => Err(self.as_error(setback)),
        }
    }

    async fn missing_parts(&self, big: &BigCopy, numbers: RangeInclusive<u32>) -> Result<(), Setback> {
        let arrived = self.arrived(big).await?;
        let missing =
            numbers.filter(|number| big.numbers().contains(number) && !arrived.contains_key(number));
        stream::iter(missing)
            .map(|number| self.part(big, number).boxed())
            .buffer_unordered(self.options.parts_at_once.max(1))
            .try_for_each(|_| std::future::ready(Ok(())))
            .await
    }

    /// Sends these parts of a big object, whoever has begun it. `false`: it was to stop first. That there
    /// is nothing to send, or nothing any more, is for whoever copies the object last to find out.
    pub async fn share(&self, task: &Task, numbers: RangeInclusive<u32>) -> Result<bool, SyncError> {
        let object = self.object_of(task)?;
        let work = async {
            // An upload of what is there already would be ended by nobody.
            if self.adopt(&object).await?.is_some() {
                return Ok(());
            }
            let (big, _) = self.begin_or_go_on(&object).await?;
            self.missing_parts(&big, numbers).await
        };
        match self.stop.or(work).await {
            None => Ok(false),
            Some(Ok(())) => Ok(true),
            Some(Err(Setback::SourceMoved | Setback::UploadOver(_))) => Ok(true),
            Some(Err(setback)) => Err(self.as_error(setback)),
        }
    }

    fn object_of<'t>(&self, task: &'t Task) -> Result<Object<'t>, SyncError> {
        let destination = self
            .job
            .destination_of(&task.found.key)
            .map_err(|why| SyncError::Settings(format!("{}: {why}", task.found.key)))?;
        Ok(Object { found: &task.found, destination, replaces: task.replaces.as_ref() })
    }

    fn as_error(&self, setback: Setback) -> SyncError {
        match setback {
            Setback::Failed(error) => error,
            Setback::WrongBytes(error) | Setback::UploadOver(error) => error.into(),
            Setback::SourceMoved => {
                let message = "the object changed since it was planned";
                Error::new(Hop::Read, Kind::Changed, self.job.source.target(), message).into()
            }
        }
    }
}
