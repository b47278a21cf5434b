//! `carnet sync` beside rclone: the same sources, the same sink, in turns. Each run begins with an
//! empty destination; what arrived is counted afterwards, by rclone for both.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | the runs, the figures |
//! | `rclone` | how rclone is told of the stand-ins, and what it finds at the destination |
//! | `proof` | what whoever is no `carnet` signs in with |

mod proof;
mod rclone;

use crate::args::Settings;
use crate::clouds::{ACCOUNT, BIG, BIG_SIZE, BUCKET, COPIES, Clouds, MANY, MANY_COUNT, ONE, SMALL_SIZE};
use crate::process::{Spent, cpu_time, median, spent};
use crate::report::{Report, Target, mib, millis};
use crate::{Error, Result};
use rclone::Rclone;
use std::time::Duration;

const MOST_MEMORY: u64 = 64 << 20;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    Azure,
    Google,
}

/// What is copied.
#[derive(Clone, Copy)]
struct Load {
    place: &'static str,
    called: &'static str,
    objects: usize,
    bytes: u64,
    /// What CPU time is told of.
    unit: &'static str,
    units: u32,
    slowest: f64,
}

const BIG_LOAD: Load = Load {
    place: ONE,
    called: "1 GiB",
    objects: 1,
    bytes: BIG_SIZE,
    unit: "per GiB",
    units: 1,
    slowest: 1.0,
};
const SMALL_LOAD: Load = Load {
    place: MANY,
    called: "5000 x 4 KiB",
    objects: MANY_COUNT,
    bytes: (MANY_COUNT * SMALL_SIZE) as u64,
    unit: "per 1000 objects",
    units: MANY_COUNT as u32 / 1000,
    slowest: 0.7,
};

/// A run, and what the stand-ins worked for it.
#[derive(Clone, Copy)]
struct Run {
    spent: Spent,
    stand_ins: Duration,
}

impl Cloud {
    fn scheme(self) -> &'static str {
        match self {
            Cloud::Azure => "azure",
            Cloud::Google => "gs",
        }
    }

    fn url(self, place: &str) -> String {
        match self {
            Cloud::Azure => format!("azure://{ACCOUNT}/{place}"),
            Cloud::Google => format!("gs://{BUCKET}-{place}"),
        }
    }
}

pub async fn measure(settings: &Settings, clouds: &Clouds, report: &mut Report) -> Result {
    let bench = Bench { settings, clouds, rclone: Rclone::new(settings, clouds)? };
    for load in [BIG_LOAD, SMALL_LOAD] {
        for cloud in [Cloud::Azure, Cloud::Google] {
            bench.compare(cloud, &load, report).await?;
        }
    }
    Ok(())
}

struct Bench<'b> {
    settings: &'b Settings,
    clouds: &'b Clouds,
    rclone: Rclone<'b>,
}

impl Bench<'_> {
    async fn compare(&self, cloud: Cloud, load: &Load, report: &mut Report) -> Result {
        let rounds = if self.settings.quick { 1 } else { 4 };
        let (mut ours, mut theirs, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        // A first round that does not count: files are read from disk, their digests computed.
        for round in 0..=rounds {
            // The second finds the stand-ins' memory and the disk's cache as the first left them: they
            // take turns in that as well.
            let (our_run, their_run) = if round % 2 == 0 {
                let ours = self.carnet(cloud, load, round)?;
                (ours, self.rclone_run(cloud, load, round)?)
            } else {
                let theirs = self.rclone_run(cloud, load, round)?;
                (self.carnet(cloud, load, round)?, theirs)
            };
            let bare_run = if load.objects == 1 { Some(self.pipe(cloud).await?) } else { None };
            if round > 0 {
                ours.push(our_run);
                theirs.push(their_run);
                bare.extend(bare_run);
            }
        }
        tell(cloud, load, &ours, &theirs, &bare, report)
    }

    fn carnet(&self, cloud: Cloud, load: &Load, round: usize) -> Result<Run> {
        let place = format!("carnet-{}-{}-{round}", cloud.scheme(), load.place);
        let (from, to) = (cloud.url(load.place), format!("s3://{COPIES}/{place}"));
        let env = self.clouds.sync_env()?;
        let run =
            self.watched(|| spent(&self.settings.binary("carnet"), &["sync", "--quiet", &from, &to], &env))?;
        self.arrived(load, &place)?;
        Ok(run)
    }

    fn rclone_run(&self, cloud: Cloud, load: &Load, round: usize) -> Result<Run> {
        let place = format!("rclone-{}-{}-{round}", cloud.scheme(), load.place);
        let env = self.rclone.env(cloud)?;
        let from = match cloud {
            Cloud::Azure => format!("azure:{}", load.place),
            Cloud::Google => format!("google:{BUCKET}-{}", load.place),
        };
        let to = format!("copies:{COPIES}/{place}");
        let arguments = rclone::arguments(&from, &to);
        let run = self.watched(|| spent(&self.settings.rclone, &arguments, &env))?;
        self.arrived(load, &place)?;
        Ok(run)
    }

    async fn pipe(&self, cloud: Cloud) -> Result<Run> {
        let (from, digest) = match cloud {
            Cloud::Azure => {
                (format!("{}/{ONE}/{BIG}", self.clouds.text(&format!("/azure/blob/{ACCOUNT}"))?), "md5")
            }
            Cloud::Google => {
                let storage = self.clouds.text("/google/storage")?;
                (format!("{storage}/storage/v1/b/{BUCKET}-{ONE}/o/{BIG}?alt=media"), "crc32c")
            }
        };
        let place = format!("pipe-{}", cloud.scheme());
        let to = format!("{}/{COPIES}/{place}/{BIG}", self.clouds.text("/aws/s3/endpoint")?);
        let mut env = self.clouds.sync_env()?;
        env.push(("PIPE_BEARER".to_owned(), proof::bearer(self.settings, self.clouds, cloud).await?));
        let run = self.watched(|| spent(&self.settings.binary("pipe"), &[&from, &to, digest], &env))?;
        self.arrived(&BIG_LOAD, &place)?;
        Ok(run)
    }

    /// With what the stand-ins used meanwhile.
    fn watched(&self, run: impl FnOnce() -> Result<Spent>) -> Result<Run> {
        let stand_ins = self.clouds.pid()?;
        let before = cpu_time(stand_ins)?;
        let spent = run()?;
        Ok(Run { spent, stand_ins: cpu_time(stand_ins)?.saturating_sub(before) })
    }

    /// All of it is there: a fast copy of less is worth nothing. A big one is then cleared away.
    fn arrived(&self, load: &Load, place: &str) -> Result {
        let place = format!("copies:{COPIES}/{place}");
        let (objects, bytes) = self.rclone.size(&place)?;
        if (objects, bytes) != (load.objects as u64, load.bytes) {
            let wanted = (load.objects, load.bytes);
            return Err(format!("{place} has {objects} objects, {bytes} bytes instead of {wanted:?}").into());
        }
        if load.objects == 1 { self.rclone.clear(&place) } else { Ok(()) }
    }
}

fn tell(
    cloud: Cloud,
    load: &Load,
    ours: &[Run],
    theirs: &[Run],
    bare: &[Run],
    report: &mut Report,
) -> Result {
    let what = |of: &str, whom: &str| format!("sync {}:// {}: {of}, {whom}", cloud.scheme(), load.called);
    let cpu = |runs: &[Run]| Ok::<_, Error>(median(runs.iter().map(|run| run.spent.cpu))? / load.units);
    let wall = |runs: &[Run]| median(runs.iter().map(|run| run.spent.wall));
    let stand_ins = |runs: &[Run]| median(runs.iter().map(|run| run.stand_ins));
    let memory = |runs: &[Run]| runs.iter().map(|run| run.spent.memory).max().unwrap_or_default();
    let (our_cpu, their_cpu) = (cpu(ours)?, cpu(theirs)?);
    let cpu_of = format!("CPU {}", load.unit);
    report
        .compare(&what(&cpu_of, "to rclone"), millis(our_cpu), millis(their_cpu))
        .ratio(our_cpu.as_secs_f64() / their_cpu.as_secs_f64(), Target::AtMost(0.5));
    if !bare.is_empty() {
        report.compare(&what(&cpu_of, "to a bare pipe"), millis(our_cpu), millis(cpu(bare)?)).note();
        report.compare(&what("wall", "to a bare pipe"), millis(wall(ours)?), millis(wall(bare)?)).note();
    }
    let (our_wall, their_wall) = (wall(ours)?, wall(theirs)?);
    report
        .compare(&what("wall", "to rclone"), millis(our_wall), millis(their_wall))
        .ratio(our_wall.as_secs_f64() / their_wall.as_secs_f64(), Target::AtMost(load.slowest));
    report
        .compare(
            &what("CPU of the stand-ins meanwhile", "to rclone's"),
            millis(stand_ins(ours)?),
            millis(stand_ins(theirs)?),
        )
        .note();
    report.compare(&what("peak memory", "to rclone"), mib(memory(ours)), mib(memory(theirs))).limit(
        memory(ours),
        MOST_MEMORY,
        mib(MOST_MEMORY),
    );
    Ok(())
}
