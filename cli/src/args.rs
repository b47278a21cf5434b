//! The command line.

use crate::commands::Command;
use clap::builder::styling::{AnsiColor, Styles};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER_HELP: &str = "\
Settings (environment variables):
  AWS credentials and region       as the AWS SDKs read them: variables, profile, container, instance
  CARNET_MINT                      where proofs come from: aws (default), cognito, token-file, github,
                                   azure-identity, azure-app, google-metadata
  AWS_ROLE_ARN                     the role of AWS to take with a proof of another cloud
  CARNET_AWS_AUDIENCE              whom such proofs are for; sts.amazonaws.com
  CARNET_AWS_SESSION_SECONDS       how long the role's credentials live; 900
  AZURE_TENANT_ID                  the directory (tenant) of the identity
  AZURE_CLIENT_ID                  the client id of the managed identity or app registration
  AZURE_AUTHORITY_HOST             another token service than the public cloud's
  CARNET_AZURE_CLOUD               public (default), usgovernment or china
  CARNET_AZURE_AUDIENCE            another audience than the cloud's own
  CARNET_AZURE_BLOB_ENDPOINT       another blob endpoint, with {account} in it
  GOOGLE_APPLICATION_CREDENTIALS   a file of type external_account, as gcloud writes it; or, in its place:
  CARNET_GOOGLE_AUDIENCE           the provider: //iam.googleapis.com/projects/NUMBER/locations/global/..
  CARNET_GOOGLE_SUBJECT_TOKEN_TYPE jwt (default: an OIDC provider) or aws4_request (an AWS provider)
  CARNET_GOOGLE_SERVICE_ACCOUNT    the service account to act as; without it, the role itself is let in
  CARNET_SPREADING_WINDOW_SECONDS  how long a refusal that may still be spreading is tried again
  AWS_ENDPOINT_URL_S3              another endpoint of S3; the bucket becomes a part of the path
  CARNET_S3_REGION                 the buckets' region, if it is not AWS_REGION
  CARNET_S3_BUCKET_OWNER           the account the buckets must belong to
  CARNET_AZURE_KEY_VAULT_ENDPOINT  another endpoint of Key Vault, with {vault} in it
  CARNET_GOOGLE_SECRET_MANAGER_ENDPOINT, AWS_ENDPOINT_URL_SECRETS_MANAGER
  SSL_CERT_FILE                    a private CA, beside the public ones
  HTTPS_PROXY, ALL_PROXY, NO_PROXY, RUST_LOG, NO_COLOR
  Each mint's own, and all others: docs/configuration.md

Exit codes:
  0  done
  1  anything not named below
  2  the command line is wrong
  3  not configured: a setting or credential is missing or malformed; nothing was asked of a cloud
  4  refused: trust is wrong (federated credential, provider, mapping, clock), or the token was not taken
  5  forbidden: the identity is known but may not do this (role assignment, bucket grant, firewall)
  6  not found
  7  changed: the object is another version, or a condition or range does not hold
  8  unavailable: throttled, unreachable, or out of time; the same command may work later
  9  malformed: an answer or the bytes of an object cannot be right; nothing of them may be used
  10 to 14  of `carnet sync`: nothing to do, partly failed, refused by the guard, the lease is taken, not
     the same on both sides; see its help
  130  ended by Ctrl-C or SIGTERM";

/// From any cloud's workload to AWS, Azure and Google Cloud, without a key.
///
/// Mints a proof of who it is (with the AWS credentials at hand, or as CARNET_MINT says: a managed
/// identity, a Google service account, a Kubernetes pod, a job of GitHub Actions), trades it at
/// Microsoft Entra ID, Google's security token service or AWS STS, and reads objects with what it
/// gets, copies them into S3, or hands the credentials to the AWS CLI.
#[derive(clap::Parser)]
#[command(name = "carnet", version, styles = STYLES, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(clap::Args)]
pub struct Global {
    /// How results and errors are written
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, hide_possible_values = true, value_name = "text|json")]
    pub format: Format,
    /// Nothing on stderr but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more on stderr: each hop (-v), each step (-vv). RUST_LOG, if set, decides instead
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Text,
    Json,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        <super::Cli as clap::CommandFactory>::command().debug_assert();
    }
}
