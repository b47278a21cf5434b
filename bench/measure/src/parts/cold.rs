//! Cold start: what the function's process has used when its first answer is there.

use super::{Candidate, event};
use crate::Result;
use crate::args::Settings;
use crate::clouds::Clouds;
use crate::process::{cpu_time, median, peak_memory};
use crate::report::{Report, Target, mib, millis};
use std::time::{Duration, Instant};

#[derive(Default)]
pub(super) struct Starts {
    pub cpu: Vec<Duration>,
    pub wall: Vec<Duration>,
    pub memory: Vec<u64>,
}

pub async fn measure(settings: &Settings, clouds: &Clouds, report: &mut Report) -> Result {
    let (rounds, python_rounds) = if settings.quick { (3, 1) } else { (21, 5) };
    let event = event(settings, "blob-api")?;
    let (mut ours, mut limit, mut python) = (Starts::default(), Starts::default(), Starts::default());
    // One start each that does not count: files are read from disk.
    for candidate in [Candidate::Ours, Candidate::Limit, Candidate::Python] {
        start(candidate, settings, clouds, &event, &mut Starts::default()).await?;
    }
    for round in 0..rounds {
        start(Candidate::Ours, settings, clouds, &event, &mut ours).await?;
        start(Candidate::Limit, settings, clouds, &event, &mut limit).await?;
        if round < python_rounds {
            start(Candidate::Python, settings, clouds, &event, &mut python).await?;
        }
    }
    let (our_cpu, limit_cpu, python_cpu) = (median(ours.cpu)?, median(limit.cpu)?, median(python.cpu)?);
    let (our_memory, python_memory) = (median(ours.memory)?, median(python.memory)?);
    report
        .compare("CPU, init and first answer, to the limit", millis(our_cpu), millis(limit_cpu))
        .ratio(our_cpu.as_secs_f64() / limit_cpu.as_secs_f64(), Target::AtMost(2.0));
    report
        .compare("CPU, init and first answer, to Python", millis(our_cpu), millis(python_cpu))
        .ratio(our_cpu.as_secs_f64() / python_cpu.as_secs_f64(), Target::AtMost(1.0 / 50.0));
    report
        .compare("peak memory, to Python", mib(our_memory), mib(python_memory))
        .ratio(our_memory as f64 / python_memory as f64, Target::AtMost(1.0 / 5.0));
    report.compare("peak memory, to the limit", mib(our_memory), mib(median(limit.memory)?)).note();
    let (our_wall, limit_wall, python_wall) = (median(ours.wall)?, median(limit.wall)?, median(python.wall)?);
    report.compare("wall, init and first answer, to the limit", millis(our_wall), millis(limit_wall)).note();
    report.compare("wall, init and first answer, to Python", millis(our_wall), millis(python_wall)).note();
    Ok(())
}

pub(super) async fn start(
    candidate: Candidate,
    settings: &Settings,
    clouds: &Clouds,
    event: &[u8],
    starts: &mut Starts,
) -> Result {
    let emulator = candidate.start(settings, clouds).await?;
    let begin = Instant::now();
    candidate.get(&emulator, event, &clouds.small).await?;
    starts.wall.push(begin.elapsed());
    let function = emulator.function()?;
    starts.cpu.push(cpu_time(function)?);
    starts.memory.push(peak_memory(function)?);
    Ok(())
}
