//! An engine: calls each step as a process of its own, and again where it fails or dies.

use super::World;
use carnet_objects::ObjectSink as _;
use carnet_objects::sink::Got;
use carnet_sync::state::State;
use carnet_sync::steps::{Item, Planned, Step, Steps};
use carnet_sync::{PlanDigest, RunId, Stop, Summary, SyncError};
use std::time::SystemTime;

/// How often an engine calls one step.
const CALLS: usize = 4;

pub struct Engine<'w> {
    pub world: &'w World,
    pub run: RunId,
    pub passed: Option<PlanDigest>,
}

impl<'w> Engine<'w> {
    pub fn new(world: &'w World, run: &str) -> Self {
        Self { world, run: RunId::parse(run).unwrap(), passed: None }
    }

    pub fn steps(&self) -> Steps {
        let mut options = self.world.options.clone();
        options.holder = self.run.to_string();
        Steps {
            job: self.world.job(),
            options,
            progress: self.world.progress(),
            range_objects: 4,
            engine: Default::default(),
        }
    }

    /// One call, and again if it fails. A process that dies takes its call with it.
    async fn call<T>(&self, work: impl AsyncFn(Steps) -> Result<T, SyncError>) -> Result<T, SyncError> {
        let mut last = SyncError::Machine("it died each time".into());
        for _ in 0..CALLS {
            tokio::select! {
                biased;
                () = self.world.frail.died.notified() => self.world.frail.revive(),
                outcome = work(self.steps()) => match outcome {
                    Ok(done) => return Ok(done),
                    Err(error) => last = error,
                },
            }
        }
        Err(last)
    }

    pub async fn plan(&self) -> Result<Vec<Vec<Item>>, SyncError> {
        loop {
            let plan = async |steps: Steps| {
                let began = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
                steps.plan(&self.run, began, self.passed.clone(), &Stop::new()).await
            };
            if let Planned::Complete(work) = self.call(plan).await? {
                let items = [self.array::<Item>(&work.items).await, self.array(&work.finish).await];
                assert_eq!([items[0].len() as u64, items[1].len() as u64], [work.count, work.finish_count]);
                return Ok(items.into());
            }
        }
    }

    pub async fn copy(&self, item: &Item) -> Result<(), SyncError> {
        let copy = async |steps: Steps| {
            let copying = steps.copy(item, &Stop::new()).await?;
            match copying.left == 0 && !copying.transient {
                true => Ok(()),
                false => Err(SyncError::Machine("not yet".into())),
            }
        };
        self.call(copy).await
    }

    pub async fn commit(&self) -> Result<Summary, SyncError> {
        let gathered = self.call(async |steps: Steps| steps.gather(&self.run).await).await?;
        let ranges: Vec<serde_json::Value> = match gathered.count {
            0 => Vec::new(),
            _ => self.array(&gathered.ranges).await,
        };
        for range in ranges.iter().rev() {
            let number = range["range"].as_u64().unwrap() as u32;
            self.call(async |steps: Steps| steps.merge(&self.run, number).await).await?;
        }
        loop {
            let conclude = async |steps: Steps| steps.conclude(&self.run, &Stop::new()).await;
            if let Step::Done(summary) = self.call(conclude).await? {
                return Ok(*summary);
            }
        }
    }

    /// The whole run, the last items first. An item that cannot be copied is left out.
    pub async fn all(&self) -> Result<Summary, SyncError> {
        for wave in self.plan().await? {
            for item in wave.iter().rev() {
                if let Err(error @ (SyncError::LeaseLost | SyncError::RunIsOver { .. })) =
                    self.copy(item).await
                {
                    return Err(error);
                }
            }
        }
        self.commit().await
    }

    /// What an engine reads from the bucket itself.
    pub async fn array<T: serde::de::DeserializeOwned>(&self, name: &str) -> Vec<T> {
        let got = self.world.sink.get(&super::key(name), None, usize::MAX).await.unwrap();
        let Got::Object { body, .. } = got else { panic!("{name} is missing") };
        serde_json::from_slice(&body).unwrap()
    }

    pub fn state(&self) -> State {
        self.world.job().state.clone()
    }
}
