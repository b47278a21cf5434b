//! The size of what ships.

use crate::Result;
use crate::args::Settings;
use crate::report::Report;

const LARGEST: u64 = 6_000_000;
/// Google's client brings its gRPC half along.
const LARGEST_GOOGLE: u64 = 9_000_000;

pub fn measure(settings: &Settings, report: &mut Report) -> Result {
    let size = |name: &str| -> Result<u64> { Ok(std::fs::metadata(settings.binary(name))?.len()) };
    let (ours, limit) = (size("blob-api")?, size("limit")?);
    report.compare("size of the release binary, to the limit", megabytes(ours), megabytes(limit)).limit(
        ours,
        LARGEST,
        megabytes(LARGEST),
    );
    let google = size("gcs-api")?;
    report.compare("size of gcs-api, to blob-api", megabytes(google), megabytes(ours)).limit(
        google,
        LARGEST_GOOGLE,
        megabytes(LARGEST_GOOGLE),
    );
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}
