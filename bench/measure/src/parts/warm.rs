//! Warm calls: the CPU that one more invocation costs. Ours and the limit take turns.

use super::{Candidate, event};
use crate::Result;
use crate::args::Settings;
use crate::clouds::Clouds;
use crate::emulator::Emulator;
use crate::process::{cpu_time, median};
use crate::report::{Report, Target, millis};
use std::time::{Duration, Instant};

const CALLS_A_ROUND: u32 = 50;

pub async fn measure(settings: &Settings, clouds: &Clouds, report: &mut Report) -> Result {
    let rounds = if settings.quick { 2 } else { 10 };
    let event = event(settings, "blob-api")?;
    let ours = Candidate::Ours.start(settings, clouds).await?;
    let limit = Candidate::Limit.start(settings, clouds).await?;
    let (mut our_calls, mut limit_calls) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let our_call = call(Candidate::Ours, &ours, clouds, &event).await?;
        let limit_call = call(Candidate::Limit, &limit, clouds, &event).await?;
        // The first round warms up.
        if round > 0 {
            our_calls.push(our_call);
            limit_calls.push(limit_call);
        }
    }
    let calls = rounds * CALLS_A_ROUND;
    let our_cpu = median(our_calls.iter().map(|call| call.cpu))?;
    let limit_cpu = median(limit_calls.iter().map(|call| call.cpu))?;
    report
        .compare(
            &format!("CPU of a warm call ({calls} calls), to the limit"),
            millis(our_cpu),
            millis(limit_cpu),
        )
        .ratio(our_cpu.as_secs_f64() / limit_cpu.as_secs_f64(), Target::AtMost(1.25));
    let our_wall = median(our_calls.iter().map(|call| call.wall))?;
    let limit_wall = median(limit_calls.iter().map(|call| call.wall))?;
    report.compare("wall of a warm call, to the limit", millis(our_wall), millis(limit_wall)).note();
    Ok(())
}

pub(super) struct Call {
    pub cpu: Duration,
    pub wall: Duration,
}

pub(super) async fn call(
    candidate: Candidate,
    emulator: &Emulator,
    clouds: &Clouds,
    event: &[u8],
) -> Result<Call> {
    // There is no process to look at before the first call.
    candidate.get(emulator, event, &clouds.small).await?;
    let function = emulator.function()?;
    let (cpu, begin) = (cpu_time(function)?, Instant::now());
    for _ in 0..CALLS_A_ROUND {
        candidate.get(emulator, event, &clouds.small).await?;
    }
    Ok(Call { cpu: (cpu_time(function)? - cpu) / CALLS_A_ROUND, wall: begin.elapsed() / CALLS_A_ROUND })
}
