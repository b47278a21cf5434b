//! For a role of AWS.

use super::report::{Condition, Fits, Traded};
use super::{Args, expires_in, minted, show};
use crate::args::Global;
use crate::failure::Failure;
use crate::way;
use carnet_federation::config::{self, AwsRoleSettings, Env};
use carnet_federation::exchange::AwsRole;
use carnet_federation::http::Http;
use carnet_federation::{Assertion, Audience, Claims, Exchange as _, Proof};

/// Issuers that IAM knows without a provider of one's own ("Creating a role for web identity").
const BUILT_IN: [&str; 2] = ["accounts.google.com", "cognito-identity.amazonaws.com"];

pub async fn run(args: &Args, global: &Global, env: &Env) -> Result<(), Failure> {
    // It takes no role to mint: only the exchange needs one.
    let ((audience, settings), mints) = way::with_mints(env, |faults| {
        let settings = args.exchange.then(|| AwsRoleSettings::read(env, faults));
        let audience = match &args.audience {
            Some(audience) => Some(Audience::new(audience)),
            None => config::aws_audience(env, faults),
        };
        Some((audience?, settings.flatten()))
    })?;
    let http = Http::from_env(env)?;
    let minted = minted(&http, &mints, Proof::Jwt, &audience).await?;
    let exchange = match &settings {
        Some(settings) => Some(trade(&AwsRole::new(http, settings)?, &minted.proof).await?),
        None => None,
    };
    let fits = role_trust(&minted.proof.claims, env.get("AWS_ROLE_ARN"));
    show(args, global, &minted, fits, exchange)
}

async fn trade(role: &AwsRole, proof: &Assertion) -> Result<Traded, Failure> {
    let given = role.exchange(proof, &role.scope()).await?;
    Ok(Traded {
        by: "AWS",
        at: role.target().to_owned(),
        client_id: None,
        service_account: None,
        expires_in: expires_in(&given),
        role: Some(given.assumed_role_arn),
        scope: None,
    })
}

/// Keys are `<issuer without https://>:claim`. Of a token that names an authorized party, Google's do, AWS
/// compares that as `aud` and the token's audience as `oaud` ("Available keys for AWS OIDC federation").
fn role_trust(claims: &Claims, role_arn: Option<&str>) -> Fits<'static> {
    let issuer = claims.issuer.strip_prefix("https://").unwrap_or(&claims.issuer);
    let principal = if BUILT_IN.contains(&issuer) {
        issuer.to_owned()
    } else {
        let parts: Vec<&str> = role_arn.unwrap_or("arn:aws:iam::ACCOUNT:role").split(':').collect();
        let part = |index: usize| parts.get(index).copied().unwrap_or_default();
        format!("arn:{}:iam::{}:oidc-provider/{issuer}", part(1), part(4))
    };
    let audience = claims.audience.join(" ");
    let condition =
        |claim: &str, equals: &str| Condition { key: format!("{issuer}:{claim}"), equals: equals.into() };
    let mut conditions = match &claims.authorized_party {
        Some(party) if issuer == BUILT_IN[0] => vec![condition("aud", party), condition("oaud", &audience)],
        _ => vec![condition("aud", &audience)],
    };
    conditions.push(condition("sub", &claims.subject));
    Fits::RoleTrust { principal, conditions }
}
