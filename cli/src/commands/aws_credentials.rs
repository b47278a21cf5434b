//! `carnet aws-credentials`

use crate::console;
use crate::failure::Failure;
use crate::way;
use carnet_federation::config::{AwsRoleSettings, Env, MintKind};
use carnet_federation::exchange::AwsRole;
use carnet_federation::http::Http;
use carnet_federation::{AwsCredentials, Credential, Proof};
use clap::builder::PossibleValuesParser;
use serde::Serialize;
use std::io::Write as _;

const EXAMPLES: &str = "\
In ~/.aws/config, on an Azure virtual machine:

  [profile reports]
  region = eu-central-1
  credential_process = carnet aws-credentials --mint azure-identity --audience api://carnet-aws
    --role-arn arn:aws:iam::111122223333:role/reports --region eu-central-1

all of credential_process on one line. Then `aws --profile reports s3 ls`, and every SDK with
AWS_PROFILE=reports. On Google Cloud it is --mint google-metadata, in a job of GitHub Actions
--mint github, with a token in a file --mint token-file.

Every option stands for a variable; the option goes first. What a role's trust must say:
`carnet token --cloud aws`. Settings of each mint: docs/configuration.md";

/// Credentials of an AWS role, for the AWS CLI and every SDK (credential_process)
///
/// Trades a proof of another cloud at AWS STS and writes what AWS documents for credential_process to
/// stdout: Version, AccessKeyId, SecretAccessKey, SessionToken, Expiration. It needs no AWS credentials.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where the proof comes from [CARNET_MINT]
    #[arg(long, value_parser = PossibleValuesParser::new(MintKind::ALL.map(MintKind::as_str)), hide_possible_values = true)]
    mint: Option<String>,
    /// The role to take [AWS_ROLE_ARN]
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// The session's name [AWS_ROLE_SESSION_NAME; made of the proof's claims]
    #[arg(long, value_name = "NAME")]
    session_name: Option<String>,
    /// How long the credentials live, 900 to 43200 [CARNET_AWS_SESSION_SECONDS; 900]
    #[arg(long, value_name = "SECONDS")]
    duration: Option<String>,
    /// JSON, or a file with it, that narrows what the role may do [CARNET_AWS_SESSION_POLICY]
    #[arg(long, value_name = "POLICY")]
    session_policy: Option<String>,
    /// Whom the proof is for [CARNET_AWS_AUDIENCE; sts.amazonaws.com]
    #[arg(long)]
    audience: Option<String>,
    /// Whose STS is asked [AWS_REGION]
    #[arg(long)]
    region: Option<String>,
}

pub async fn run(args: &Args, env: &Env) -> Result<(), Failure> {
    let env = args.over(env.clone());
    let (settings, mints) = way::with_mints(&env, |faults| AwsRoleSettings::read(&env, faults))?;
    let http = Http::from_env(&env)?;
    let mint = mints.open(&http, Proof::Jwt).await?;
    let role = AwsRole::new(http, &settings)?;
    let scope = role.scope();
    let given = Credential::new(mint, role).token(&scope).await?;
    write(&given).map_err(Failure::stdout)
}

impl Args {
    /// The environment as the options make it, so that both are checked and named alike.
    fn over(&self, env: Env) -> Env {
        let options = [
            ("CARNET_MINT", &self.mint),
            ("AWS_ROLE_ARN", &self.role_arn),
            ("AWS_ROLE_SESSION_NAME", &self.session_name),
            ("CARNET_AWS_SESSION_SECONDS", &self.duration),
            ("CARNET_AWS_SESSION_POLICY", &self.session_policy),
            ("CARNET_AWS_AUDIENCE", &self.audience),
            ("AWS_REGION", &self.region),
        ];
        options.into_iter().fold(env, |env, (name, value)| match value {
            Some(value) => env.with(name, value),
            None => env,
        })
    }
}

/// "Process credential provider", AWS SDKs and Tools Reference Guide.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Written<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<String>,
}

fn write(given: &AwsCredentials) -> std::io::Result<()> {
    let written = Written {
        version: 1,
        access_key_id: &given.access_key_id,
        secret_access_key: given.secret_access_key.expose(),
        session_token: given.session_token.expose(),
        expiration: console::rfc3339(given.expires_at),
    };
    let mut out = console::stdout()?;
    serde_json::to_writer(&mut out, &written)?;
    writeln!(out)?;
    out.flush()
}
