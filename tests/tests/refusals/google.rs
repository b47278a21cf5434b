//! Google's security token service, IAM credentials and Cloud Storage.

use super::{Said, check};
use carnet_federation::config::GoogleSettings;
use carnet_federation::exchange::Google;
use carnet_federation::{Credential, Error, Hop, Kind, Proof, Scope, mint};
use carnet_localclouds::World;
use carnet_localclouds::faults::{Fault, Hop as At, Rule};
use carnet_localclouds::world::{AccessKey, Bucket, Pool, Provider, ServiceAccount};
use carnet_objects::google::SCOPE;
use carnet_objects::{Key, ReadRequest, read};
use carnet_tests::{BUCKET, SERVICE_ACCOUNT, Stage, secrecy};
use carnet_trust::google::ProviderKind;
use std::time::{Duration, SystemTime};

const ROLE: &str = "arn:aws:iam::123456789012:role/carnet-eu-central-1-operator";
const TOKENS: &str = "workloadIdentityPools/carnet/providers/aws-tokens";
const NAMES: &str = "workloadIdentityPools/carnet/providers/aws-names";
const SIGNED: &str = "a GetCallerIdentity request signed for sts.eu-central-1.amazonaws.com";

type Settings = fn(&mut GoogleSettings);
type Change = fn(&mut World);

fn sts<'s>(code: &'s str, field: &'s str, presented: &'s str, anchor: &'static str) -> Said<'s> {
    Said { hop: Hop::Exchange, kind: Kind::Refused, code, field, presented, anchor: Some(anchor) }
}

fn iam<'s>(kind: Kind, code: &'s str, field: &'s str, presented: &'s str, anchor: &'static str) -> Said<'s> {
    Said { hop: Hop::Impersonate, kind, code, field, presented, anchor: Some(anchor) }
}

fn storage<'s>(
    kind: Kind,
    code: &'s str,
    field: &'s str,
    presented: &'s str,
    anchor: &'static str,
) -> Said<'s> {
    Said { hop: Hop::Read, kind, code, field, presented, anchor: Some(anchor) }
}

async fn credential(stage: &Stage, settings: Settings) -> Credential<Google> {
    let http = stage.http();
    let settings = stage.google_settings(settings);
    let session = stage.session(&http, stage.access_key(None)).await.unwrap();
    let mint = mint::from_aws(settings.proof, session, http.clone()).unwrap();
    Credential::new(mint, Google::new(http, &settings).unwrap())
}

/// The error of a token that is asked for in a changed world, which is as before afterwards.
async fn refusal(stage: &Stage, settings: Settings, change: Change, scope: &str) -> Error {
    let before = stage.local.shared.world().clone();
    change(&mut stage.local.shared.world_mut());
    let outcome = credential(stage, settings).await.token(&Scope::new(scope)).await;
    *stage.local.shared.world_mut() = before;
    outcome.map(|_| ()).expect_err("no token")
}

fn ours(_: &mut GoogleSettings) {}

fn by_role(settings: &mut GoogleSettings) {
    settings.proof = Proof::SignedAwsRequest;
    settings.audience = settings.audience.replace("aws-tokens", "aws-names");
}

fn as_account(settings: &mut GoogleSettings) {
    settings.service_account = Some(SERVICE_ACCOUNT.to_owned());
}

fn pools(world: &mut World, change: impl Fn(&mut Pool)) {
    world.google.pools.values_mut().for_each(change);
}

fn providers(world: &mut World, change: impl Fn(&mut Provider)) {
    pools(world, |pool| pool.providers.values_mut().for_each(&change));
}

fn oidc(world: &mut World, change: impl Fn(&mut String, &mut Vec<String>)) {
    providers(world, |provider| {
        if let ProviderKind::Oidc { issuer, allowed_audiences } = &mut provider.trust.kind {
            change(issuer, allowed_audiences);
        }
    });
}

fn map(world: &mut World, subject: &str) {
    providers(world, |provider| {
        provider.trust.mapping = [("google.subject".to_owned(), subject.to_owned())].into();
    });
}

fn operator(world: &mut World) -> &mut AccessKey {
    let operator = world.operator.clone();
    world.aws.access_keys.get_mut(&operator).expect("the operator has a key")
}

fn account(world: &mut World) -> &mut ServiceAccount {
    world.google.service_accounts.get_mut(SERVICE_ACCOUNT).expect("the stage's service account")
}

fn bucket(world: &mut World) -> &mut Bucket {
    world.google.buckets.get_mut(BUCKET).expect("the stage's bucket")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_token_service_refuses() {
    secrecy::watch();
    let stage = Stage::new().await;
    let issuer = stage.local.state().aws.issuer;
    let target = || sts("invalid_target", "pool or provider", TOKENS, "invalid_target");
    let other = |presented| sts("invalid_grant", "", presented, "other-google-refusals");
    let none: Change = |_| {};
    let rows: Vec<(Settings, Change, &str, Said)> = vec![
        (
            |s| {
                by_role(s);
                s.audience = "aws-names".to_owned();
            },
            none,
            SCOPE,
            sts("invalid_request", "CARNET_GOOGLE_AUDIENCE", "aws-names", "google-audience-value"),
        ),
        (ours, |w| w.google.pools.clear(), SCOPE, target()),
        (ours, |w| pools(w, |pool| pool.disabled = true), SCOPE, target()),
        (ours, |w| pools(w, |pool| pool.providers.clear()), SCOPE, target()),
        (ours, |w| providers(w, |provider| provider.disabled = true), SCOPE, target()),
        (
            ours,
            |w| oidc(w, |_, audiences| *audiences = vec!["https://other.example".into()]),
            SCOPE,
            sts("invalid_grant", "audience", TOKENS, "google-audience"),
        ),
        (
            ours,
            |w| oidc(w, |issuer, _| issuer.push('/')),
            SCOPE,
            sts("invalid_grant", "issuer", &issuer, "google-issuer"),
        ),
        (
            ours,
            |w| providers(w, |provider| provider.trust.condition = Some("assertion.sub == 'x'".into())),
            SCOPE,
            sts("unauthorized_client", "attribute condition", ROLE, "google-attribute-condition"),
        ),
        (
            by_role,
            |w| providers(w, |provider| provider.trust.condition = Some("assertion.arn == 'x'".into())),
            SCOPE,
            sts("unauthorized_client", "attribute condition", SIGNED, "google-attribute-condition"),
        ),
        (
            ours,
            |w| map(w, "''"),
            SCOPE,
            sts("unauthorized_client", "attribute mapping", ROLE, "google-subject-missing"),
        ),
        (
            ours,
            |w| map(w, "assertion.nowhere"),
            SCOPE,
            sts("unauthorized_client", "attribute mapping", ROLE, "google-subject-missing"),
        ),
        (
            by_role,
            |w| map(w, "assertion.arn + assertion.arn"),
            SCOPE,
            sts("invalid_request", "attribute mapping", SIGNED, "google-mapped-size"),
        ),
        (
            by_role,
            |w| {
                providers(w, |provider| {
                    provider.trust.kind = ProviderKind::Aws { account: "999999999999".into() };
                });
            },
            SCOPE,
            other(SIGNED),
        ),
        (by_role, |w| w.aws.access_keys.clear(), SCOPE, other(NAMES)),
        (by_role, |w| operator(w).secret.push('x'), SCOPE, other(SIGNED)),
        (
            by_role,
            |w| operator(w).expires_at = Some(SystemTime::now() - Duration::from_secs(1)),
            SCOPE,
            other(SIGNED),
        ),
        (ours, none, " ", sts("invalid_request", "", ROLE, "other-google-refusals")),
    ];
    for (settings, change, scope, said) in rows {
        check(&refusal(&stage, settings, change, scope).await, &said);
    }
    credential(&stage, ours).await.token(&Scope::new(SCOPE)).await.expect("the stage is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_token_service_cannot_check() {
    secrecy::watch();
    let stage = Stage::new().await;
    let (clouds, issuer) = (&stage.local.shared, stage.local.state().aws.issuer);
    let gone = Fault::Status { status: 404, headers: Vec::new(), body: String::new() };
    for fault in [gone, Fault::ResetBefore, Fault::Html200] {
        clouds.faults.set(vec![Rule::always(At::Issuer, fault)]);
        let error = refusal(&stage, ours, |_| {}, SCOPE).await;
        check(&error, &sts("invalid_grant", "issuer", &issuer, "google-issuer"));
    }
    clouds.faults.set(vec![Rule::always(At::Sts, Fault::ExpiredToken)]);
    let error = refusal(&stage, ours, |_| {}, SCOPE).await;
    check(&error, &sts("invalid_grant", "clock", "a proof for", "google-stale-token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_iam_credentials_refuses() {
    secrecy::watch();
    let stage = Stage::new().await;
    let denied = || {
        iam(Kind::Forbidden, "PERMISSION_DENIED", "service account", SERVICE_ACCOUNT, "getaccesstoken-denied")
    };
    let rows: Vec<(Settings, Change, Said)> = vec![
        (as_account, |w| w.google.service_accounts.clear(), denied()),
        (as_account, |w| account(w).users.clear(), denied()),
        (as_account, |w| account(w).disabled = true, denied()),
        (
            |s| {
                as_account(s);
                s.delegates = vec!["between@carnet-test.iam.gserviceaccount.com".to_owned()];
            },
            |_| {},
            denied(),
        ),
        (
            |s| {
                as_account(s);
                s.token_lifetime = Duration::from_secs(7200);
            },
            |_| {},
            iam(
                Kind::Refused,
                "INVALID_ARGUMENT",
                "token lifetime, delegates or scope",
                "lifetime 7200 s, 0 delegates",
                "google-impersonation-arguments",
            ),
        ),
    ];
    for (settings, change, said) in rows {
        check(&refusal(&stage, settings, change, SCOPE).await, &said);
    }
    let answers = |status, body: &str| Fault::Status { status, headers: Vec::new(), body: body.to_owned() };
    let disabled = r#"{"error":{"code":403,"message":"It is disabled.","status":"PERMISSION_DENIED","details":[{"reason":"SERVICE_DISABLED"}]}}"#;
    let unknown = r#"{"error":{"code":401,"message":"Invalid.","status":"UNAUTHENTICATED"}}"#;
    let missing = r#"{"error":{"code":404,"message":"Not found.","status":"NOT_FOUND"}}"#;
    for (fault, said) in [
        (
            answers(403, disabled),
            iam(Kind::Forbidden, "PERMISSION_DENIED", "API", SERVICE_ACCOUNT, "google-api-disabled"),
        ),
        (
            answers(401, unknown),
            iam(Kind::Refused, "UNAUTHENTICATED", "access token", SERVICE_ACCOUNT, "google-unauthenticated"),
        ),
        // No object: nothing may be deleted for it.
        (
            answers(404, missing),
            iam(Kind::Refused, "NOT_FOUND", "service account", SERVICE_ACCOUNT, "service-account-not-found"),
        ),
    ] {
        stage.local.shared.faults.set(vec![Rule::always(At::GoogleIamCredentials, fault)]);
        check(&refusal(&stage, as_account, |_| {}, SCOPE).await, &said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cloud_storage_refuses() {
    secrecy::watch();
    let stage = Stage::new().await;
    stage.put("there.txt", "bytes");
    let none: Change = |_| {};
    let forbidden = |presented| {
        storage(Kind::Forbidden, "forbidden", "bucket grant", presented, "cloud-storage-forbidden")
    };
    let missing = || storage(Kind::NotFound, "notFound", "bucket or key", "", "cloud-storage-not-found");
    let untaken =
        || storage(Kind::Unauthenticated, "authError", "access token", TOKENS, "google-unauthenticated");
    let rows: Vec<(Settings, Change, &str, &str, Said)> = vec![
        (ours, |w| bucket(w).readers.clear(), BUCKET, "there.txt", forbidden(TOKENS)),
        (as_account, |w| bucket(w).readers.clear(), BUCKET, "there.txt", forbidden(SERVICE_ACCOUNT)),
        // Who may not list is not told what is not there.
        (ours, |w| bucket(w).readers.clear(), BUCKET, "missing.txt", forbidden(TOKENS)),
        (ours, none, BUCKET, "missing.txt", missing()),
        (ours, none, "carnet-elsewhere", "there.txt", missing()),
        (ours, |w| bucket(w).uniform_access = false, BUCKET, "there.txt", untaken()),
    ];
    for (settings, change, bucket, name, said) in rows {
        let before = stage.local.shared.world().clone();
        change(&mut stage.local.shared.world_mut());
        let source = stage.bucket_named(bucket, credential(&stage, settings).await).unwrap();
        let outcome = read(source, &Key::parse(name).unwrap(), ReadRequest::default()).await.map(|_| ());
        *stage.local.shared.world_mut() = before;
        check(&outcome.expect_err(name), &said);
    }
    let source = stage.bucket().await.unwrap();
    let there = Key::parse("there.txt").unwrap();
    read(source.clone(), &there, ReadRequest::default()).await.expect("the stage is as it was");
    // However often a token is given out, none is taken.
    let body = r#"{"error":{"code":401,"message":"Invalid Credentials","errors":[{"reason":"authError"}]}}"#;
    let fault = Fault::Status { status: 401, headers: Vec::new(), body: body.to_owned() };
    stage.local.shared.faults.add(Rule::always(At::GoogleStorage, fault));
    let outcome = read(source, &there, ReadRequest::default()).await.map(|_| ());
    check(&outcome.expect_err("no token is taken"), &untaken());
}
