//! SAM: what judges `template.yaml`, and the build of what it deploys.

use crate::process::{output, root, run, target, without_this_package};
use crate::shipped::Function;
use crate::steps::Result;
use crate::tools;
use std::path::PathBuf;
use std::process::Command;

pub fn validate() -> Result {
    run(sam().args(["validate", "--lint", "--template-file"]).arg(root().join("template.yaml")))
}

pub fn cfn_lint() -> Result {
    let templates = ["template.yaml", "infra/roles.yaml"].map(|path| root().join(path));
    run(Command::new(tools::SAM.program("cfn-lint")).args(templates))
}

/// `.checkov.yaml` says how, `template.yaml` what is waived and why.
pub fn checkov() -> Result {
    run(Command::new(tools::CHECKOV.program("checkov")).args(["--file", "template.yaml"]).current_dir(root()))
}

/// `sam build` for this machine's architecture, as a user runs it; only the compiler differs. `cargo`
/// itself compiles for the machine it is on, and no target or linker is fetched for it.
pub fn build() -> Result {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "x86_64",
        "aarch64" => "arm64",
        other => return Err(format!("Lambda has no {other}")),
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::iter::once(tools::CARGO_LAMBDA.folder().join("bin")).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).map_err(|error| format!("PATH: {error}"))?;
    run(without_this_package(&mut sam())
        .args(["build", "--parameter-overrides", &format!("Architecture={architecture}"), "--build-dir"])
        .arg(folder())
        .env("PATH", path)
        .env("CARGO_LAMBDA_COMPILER", "cargo")
        .env("CARGO_TARGET_DIR", target()))
}

/// What would be uploaded.
pub fn artifact(function: &Function) -> PathBuf {
    folder().join(function.resource).join("bootstrap")
}

/// That the C library of `provided.al2023` has every symbol version the binary asks for.
pub fn runs_on_al2023(function: &Function) -> Result {
    let symbols = output(Command::new("objdump").arg("-T").arg(artifact(function)))?;
    let newest = newest_glibc(&symbols).ok_or("it names no version of glibc")?;
    println!("    {} needs glibc {}.{}, and provided.al2023 has 2.34", function.name, newest.0, newest.1);
    if newest <= AL2023_GLIBC {
        Ok(())
    } else {
        Err("it was built on a newer system than provided.al2023: it would not start there".into())
    }
}

/// AWS, "Comparing Amazon Linux 2 and Amazon Linux 2023".
const AL2023_GLIBC: (u32, u32) = (2, 34);

fn newest_glibc(symbols: &str) -> Option<(u32, u32)> {
    let versions = symbols.split("GLIBC_").skip(1).filter_map(|rest| {
        let version = rest.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
        let mut numbers = version.split('.').map(|number| number.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    });
    versions.max()
}

fn folder() -> PathBuf {
    target().join("sam")
}

fn sam() -> Command {
    let mut command = Command::new(tools::SAM.program("sam"));
    // It asks for a region although it calls nothing.
    command.current_dir(root()).env("AWS_DEFAULT_REGION", "eu-central-1").env("SAM_CLI_TELEMETRY", "0");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_symbol_version_counts_as_numbers_do() {
        let symbols = "DF *UND* (GLIBC_2.9) poll\nDF *UND* (GLIBC_2.34) dlsym\nDF *UND* (GLIBC_2.2.5) read\n";
        assert_eq!(newest_glibc(symbols), Some((2, 34)));
        assert_eq!(newest_glibc("no symbols"), None);
    }
}
