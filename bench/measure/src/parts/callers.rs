//! 1,000 concurrent cold callers in one process: how often the token services are asked.

use crate::Result;
use crate::args::Settings;
use crate::clouds::Clouds;
use crate::report::Report;
use std::process::Command;

const CALLERS: u64 = 1000;

pub async fn measure(_: &Settings, clouds: &Clouds, report: &mut Report) -> Result {
    let before = clouds.asked().await?;
    let program = std::env::current_exe()?.with_file_name("callers");
    let status = Command::new(&program)
        .arg(CALLERS.to_string())
        .env_clear()
        .envs(clouds.env()?)
        .status()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    if !status.success() {
        return Err(format!("{} ended with {status}", program.display()).into());
    }
    let after = clouds.asked().await?;
    for (what, count) in
        [("mints", after.mints - before.mints), ("exchanges", after.exchanges - before.exchanges)]
    {
        report
            .compare(
                &format!("{what} for {CALLERS} concurrent cold callers"),
                count.to_string(),
                CALLERS.to_string(),
            )
            .exactly(count, 1);
    }
    Ok(())
}
