//! The way into AWS: a role that trusts a proof of another cloud.

use super::mint::{AWS_TOKEN_FILE, MintKind, only_audience};
use super::{Env, Faults, endpoint, spreading_window};
use crate::assertion::Audience;
use crate::exchange::is_session_name;
use reqwest::Url;
use std::ops::RangeInclusive;
use std::time::Duration;

const ROLE: &str = "AWS_ROLE_ARN";
const AUDIENCE: &str = "CARNET_AWS_AUDIENCE";
const POLICY: &str = "CARNET_AWS_SESSION_POLICY";
/// What the AWS CLI and IAM's console suggest, and GitHub's action asks for.
const DEFAULT_AUDIENCE: &str = "sts.amazonaws.com";
/// "AssumeRoleWithWebIdentity", `DurationSeconds`: 15 minutes to the role's maximum, which is 12 hours at most.
const SECONDS: RangeInclusive<u64> = 900..=43_200;
/// The same, `Policy`.
const LONGEST_POLICY: usize = 2048;

/// Everything the way to a role of AWS needs to know.
#[derive(Clone, Debug)]
pub struct AwsRoleSettings {
    pub role_arn: String,
    /// Without one, it is made of the proof's claims.
    pub session_name: Option<String>,
    /// The `aud` of the proofs.
    pub audience: String,
    pub duration: Duration,
    pub session_policy: Option<String>,
    /// Whose STS is asked.
    pub region: String,
    /// Instead of the region's own.
    pub endpoint: Option<Url>,
    /// For how long a refusal that may be a change still spreading is tried again.
    pub spreading_window: Duration,
}

impl AwsRoleSettings {
    /// | variable | meaning |
    /// |---|---|
    /// | `AWS_ROLE_ARN` | the role |
    /// | `AWS_ROLE_SESSION_NAME` | instead of a name made of the proof's claims |
    /// | `CARNET_AWS_AUDIENCE` | whom the proofs are for; `sts.amazonaws.com` |
    /// | `CARNET_AWS_SESSION_SECONDS` | 900 to 43200, default 900 |
    /// | `CARNET_AWS_SESSION_POLICY` | JSON, or the path of a file with it |
    /// | `AWS_REGION`, else `AWS_DEFAULT_REGION` | whose STS is asked |
    /// | `AWS_ENDPOINT_URL_STS` | instead of that region's |
    /// | `CARNET_SPREADING_WINDOW_SECONDS` | 0 to 600, default 3 |
    pub fn read(env: &Env, faults: &mut Faults) -> Option<Self> {
        let before = faults.len();
        refuse_aws(env, faults);
        let role_arn = role_arn(env, faults);
        let session_name = session_name(env, faults);
        let audience = aws_audience(env, faults);
        let duration = duration(env, faults);
        let session_policy = session_policy(env, faults);
        let region = region(env, faults);
        let url = env.get("AWS_ENDPOINT_URL_STS").map(endpoint);
        if url == Some(None) {
            faults.add("AWS_ENDPOINT_URL_STS", "is not an https URL (or http to this machine)");
        }
        let spreading_window = spreading_window(env, faults);
        let settings = Self {
            role_arn: role_arn?,
            session_name,
            audience: audience?.as_str().to_owned(),
            duration,
            session_policy,
            region: region?,
            endpoint: url.flatten(),
            spreading_window,
        };
        (faults.len() == before).then_some(settings)
    }

    /// Whether AWS's services are called as this role, and not with what the SDK's chain finds: a role is
    /// named, and proofs are made outside AWS. Where EKS has named a token file for its own role, the chain
    /// takes that.
    pub fn is_session_of(env: &Env) -> bool {
        let outside = match MintKind::of(env) {
            None | Some(MintKind::Aws | MintKind::Cognito) => false,
            Some(MintKind::TokenFile) => env.get(AWS_TOKEN_FILE).is_none(),
            Some(_) => true,
        };
        outside && env.get(ROLE).is_some()
    }
}

/// "These tokens cannot be used to access AWS" ("Outbound identity federation", IAM User Guide).
fn refuse_aws(env: &Env, faults: &mut Faults) {
    if MintKind::of(env) == Some(MintKind::Aws) {
        let what = if env.get("CARNET_MINT").is_some() { "is aws" } else { "is not set, which means aws" };
        let why = "AWS does not take its own outbound tokens back: within AWS use sts:AssumeRole \
                   (role_arn and source_profile), elsewhere name where the proof comes from";
        faults.add("CARNET_MINT", &format!("{what}; {why}"));
    }
}

/// Whom proofs for AWS are made for, for those who only mint.
pub fn aws_audience(env: &Env, faults: &mut Faults) -> Option<Audience> {
    if let Some(audience) = env.get(AUDIENCE).or_else(|| only_audience(env)) {
        return Some(Audience::new(audience));
    }
    if MintKind::of(env).is_some_and(MintKind::is_entra) {
        let what = "is not set; a token of Entra's is for an App ID URI (api://…), \
                    which must be the audience of the IAM OIDC provider";
        faults.add(AUDIENCE, what);
        return None;
    }
    Some(Audience::new(DEFAULT_AUDIENCE))
}

fn role_arn(env: &Env, faults: &mut Faults) -> Option<String> {
    let Some(arn) = env.get(ROLE) else {
        faults.add(ROLE, "is not set; it is the role to take: arn:aws:iam::ACCOUNT:role/NAME");
        return None;
    };
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let sound = matches!(parts[..], ["arn", partition, "iam", "", account, name]
        if partition.starts_with("aws")
            && account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())
            && name.strip_prefix("role/").is_some_and(|name| !name.is_empty()));
    if !sound {
        faults.add(ROLE, "is not a role's ARN such as arn:aws:iam::111122223333:role/NAME");
    }
    sound.then(|| arn.to_owned())
}

fn session_name(env: &Env, faults: &mut Faults) -> Option<String> {
    const NAME: &str = "AWS_ROLE_SESSION_NAME";
    let name = env.get(NAME)?;
    if !is_session_name(name) {
        faults.add(NAME, "is not 2 to 64 letters, digits and _ + = , . @ -");
    }
    Some(name.to_owned())
}

fn duration(env: &Env, faults: &mut Faults) -> Duration {
    const NAME: &str = "CARNET_AWS_SESSION_SECONDS";
    let seconds = match env.get(NAME).map(str::parse::<u64>) {
        None => *SECONDS.start(),
        Some(Ok(seconds)) if SECONDS.contains(&seconds) => seconds,
        Some(_) => {
            faults.add(NAME, "is not a number of seconds from 900 to 43200");
            *SECONDS.start()
        }
    };
    Duration::from_secs(seconds)
}

/// The policy itself, or the path of a file that holds it.
fn session_policy(env: &Env, faults: &mut Faults) -> Option<String> {
    let given = env.get(POLICY)?.trim();
    let text = if given.starts_with('{') {
        given.to_owned()
    } else {
        match read_policy(given) {
            Ok(text) => text,
            Err(why) => {
                faults.add(POLICY, &format!("is neither JSON nor a file with it: {given}: {why}"));
                return None;
            }
        }
    };
    if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text).is_err() {
        faults.add(POLICY, "is not a JSON object");
    }
    if text.chars().count() > LONGEST_POLICY {
        faults.add(POLICY, "is longer than the 2,048 characters that a session policy may have");
    }
    Some(text)
}

fn read_policy(path: &str) -> Result<String, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() || about.len() > 64 * 1024 {
        return Err("is no policy file".to_owned());
    }
    Ok(std::fs::read_to_string(path).map_err(|error| error.to_string())?.trim().to_owned())
}

fn region(env: &Env, faults: &mut Faults) -> Option<String> {
    const NAME: &str = "AWS_REGION";
    let Some(region) = env.get(NAME).or_else(|| env.get("AWS_DEFAULT_REGION")) else {
        faults.add(NAME, "is not set; the region's STS is asked for the role");
        return None;
    };
    // It becomes a part of a host's name.
    let sound = region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !sound {
        faults.add(NAME, "is not a region's name, e.g. eu-central-1");
    }
    sound.then(|| region.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::gather;

    const POOL: &str = "eu-central-1:aaaaaaaa-1111-4222-8333-444444444444";
    const BASE: [(&str, &str); 3] = [
        ("AWS_ROLE_ARN", "arn:aws-us-gov:iam::111122223333:role/path/reports"),
        ("AWS_DEFAULT_REGION", "us-gov-west-1"),
        ("CARNET_MINT", "google-metadata"),
    ];

    fn env(pairs: &[(&str, &str)]) -> Env {
        BASE.iter().chain(pairs).copied().collect()
    }

    #[test]
    fn a_role_and_a_region_are_enough() {
        let settings = gather(|faults| AwsRoleSettings::read(&env(&[]), faults)).unwrap();
        assert_eq!((settings.audience.as_str(), settings.duration.as_secs()), ("sts.amazonaws.com", 900));
        assert_eq!((settings.region.as_str(), settings.session_policy), ("us-gov-west-1", None));
    }

    #[test]
    fn the_audience_of_a_pools_tokens_is_the_pool() {
        let pool = env(&[("CARNET_MINT", "cognito"), ("CARNET_COGNITO_IDENTITY_POOL_ID", POOL)]);
        assert_eq!(gather(|faults| aws_audience(&pool, faults)).unwrap().as_str(), POOL);
        let app = env(&[("CARNET_MINT", "azure-app")]);
        let error = gather(|faults| aws_audience(&app, faults)).unwrap_err();
        assert!(error.message().contains("CARNET_AWS_AUDIENCE: is not set"), "{error}");
    }

    #[test]
    fn a_session_policy_is_an_object_of_no_more_than_2048_characters() {
        let read = |policy: &str| {
            let env = env(&[("CARNET_AWS_SESSION_POLICY", policy)]);
            gather(|faults| AwsRoleSettings::read(&env, faults)).map_err(|error| error.message().to_owned())
        };
        assert!(read(r#"{"Version":"2012-10-17"}"#).is_ok());
        assert!(read("{\"a\":}").unwrap_err().contains("is not a JSON object"));
        assert!(read(&format!("{{\"a\":\"{}\"}}", "x".repeat(2048))).unwrap_err().contains("longer than"));
        assert!(read("/nowhere/policy.json").unwrap_err().contains("is neither JSON nor a file with it"));
    }

    #[test]
    fn whose_credentials_call_aws() {
        let is_role = |pairs: &[(&str, &str)]| AwsRoleSettings::is_session_of(&env(pairs));
        assert!(is_role(&[]) && is_role(&[("CARNET_MINT", "token-file")]));
        assert!(!is_role(&[("CARNET_MINT", "aws")]) && !is_role(&[("CARNET_MINT", "cognito")]));
        assert!(!is_role(&[("AWS_ROLE_ARN", "")]) && !is_role(&[("CARNET_MINT", "magic")]));
        assert!(!is_role(&[("CARNET_MINT", "token-file"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/e")]));
    }
}
