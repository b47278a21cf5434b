//! A million objects, none of which has changed: what planning takes. Source and manifest are made by
//! `million seed`; `million plan` is measured.

use crate::Result;
use crate::clouds::Clouds;
use crate::process::spent;
use crate::report::{Report, mib, millis};

const MOST_MEMORY: u64 = 128 << 20;

pub fn measure(clouds: &Clouds, report: &mut Report) -> Result {
    // Beside this program, and like it not optimised: only its memory is promised.
    let program = std::env::current_exe()?.with_file_name("million");
    let env = clouds.sync_env()?;
    spent(&program, &["seed"], &env)?;
    let plan = spent(&program, &["plan"], &env)?;
    let took = format!("{} CPU, not optimised", millis(plan.cpu));
    report.compare("peak memory of planning 1,000,000 unchanged objects", mib(plan.memory), took).limit(
        plan.memory,
        MOST_MEMORY,
        mib(MOST_MEMORY),
    );
    Ok(())
}
