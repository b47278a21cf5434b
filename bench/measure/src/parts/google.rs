//! gcs-api beside a Python handler on google-auth and google-cloud-storage, and beside blob-api.

use super::cold::{Starts, start};
use super::{Candidate, event, warm};
use crate::Result;
use crate::args::Settings;
use crate::clouds::{BIG, BUCKET, Clouds};
use crate::process::{median, spent};
use crate::report::{Report, Target, mib, millis};

const MOST_MEMORY: u64 = 32 << 20;

pub async fn measure(settings: &Settings, clouds: &Clouds, report: &mut Report) -> Result {
    cold(settings, clouds, report).await?;
    warm_calls(settings, clouds, report).await?;
    cat(settings, clouds, report)
}

async fn cold(settings: &Settings, clouds: &Clouds, report: &mut Report) -> Result {
    let (rounds, python_rounds) = if settings.quick { (3, 1) } else { (21, 5) };
    let event = event(settings, "gcs-api")?;
    let (mut ours, mut python) = (Starts::default(), Starts::default());
    // One start each that does not count: files are read from disk.
    for candidate in [Candidate::OurGoogle, Candidate::PythonGoogle] {
        start(candidate, settings, clouds, &event, &mut Starts::default()).await?;
    }
    for round in 0..rounds {
        start(Candidate::OurGoogle, settings, clouds, &event, &mut ours).await?;
        if round < python_rounds {
            start(Candidate::PythonGoogle, settings, clouds, &event, &mut python).await?;
        }
    }
    let (our_cpu, python_cpu) = (median(ours.cpu)?, median(python.cpu)?);
    report
        .compare("gcs-api: CPU, init and first answer, to Python", millis(our_cpu), millis(python_cpu))
        .ratio(our_cpu.as_secs_f64() / python_cpu.as_secs_f64(), Target::AtMost(1.0 / 50.0));
    let (our_memory, python_memory) = (median(ours.memory)?, median(python.memory)?);
    report
        .compare("gcs-api: peak memory, to Python", mib(our_memory), mib(python_memory))
        .ratio(our_memory as f64 / python_memory as f64, Target::AtMost(1.0 / 5.0));
    let (our_wall, python_wall) = (median(ours.wall)?, median(python.wall)?);
    report
        .compare("gcs-api: wall, init and first answer, to Python", millis(our_wall), millis(python_wall))
        .note();
    Ok(())
}

/// The same call, the same bytes, another cloud: what Google's client and its second request cost.
async fn warm_calls(settings: &Settings, clouds: &Clouds, report: &mut Report) -> Result {
    let rounds = if settings.quick { 2 } else { 10 };
    let (google_event, azure_event) = (event(settings, "gcs-api")?, event(settings, "blob-api")?);
    let google = Candidate::OurGoogle.start(settings, clouds).await?;
    let azure = Candidate::Ours.start(settings, clouds).await?;
    let (mut google_cpu, mut azure_cpu) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let google_call = warm::call(Candidate::OurGoogle, &google, clouds, &google_event).await?;
        let azure_call = warm::call(Candidate::Ours, &azure, clouds, &azure_event).await?;
        // The first round warms up.
        if round > 0 {
            google_cpu.push(google_call.cpu);
            azure_cpu.push(azure_call.cpu);
        }
    }
    let (google, azure) = (median(google_cpu)?, median(azure_cpu)?);
    report.compare("gcs-api: CPU of a warm call, to blob-api", millis(google), millis(azure)).note();
    Ok(())
}

fn cat(settings: &Settings, clouds: &Clouds, report: &mut Report) -> Result {
    let url = format!("gs://{BUCKET}/{BIG}");
    let run = spent(&settings.binary("carnet"), &["cat", &url], &clouds.google_env()?)?;
    report
        .compare("peak memory of carnet cat gs://, 1 GiB", mib(run.memory), millis(run.cpu) + " CPU")
        .limit(run.memory, MOST_MEMORY, mib(MOST_MEMORY));
    Ok(())
}
