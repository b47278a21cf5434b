//! AWS, Entra and Azure Blob Storage.

use super::{Said, check};
use carnet_federation::config::AzureSettings;
use carnet_federation::{Assertion, Audience, BoxFuture, Claims, Mint, Proof, Secret};
use carnet_federation::{Credential, Hop, Kind, Result, Scope};
use carnet_localclouds::World;
use carnet_localclouds::faults::{Fault, Hop as At, Rule};
use carnet_localclouds::jwt::Algorithm;
use carnet_localclouds::world::{Application, Container, StorageAccount};
use carnet_objects::azure::SCOPE;
use carnet_objects::{Key, ReadRequest, read};
use carnet_tests::{ACCOUNT, CLIENT, CONTAINER, Stage, secrecy};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const ROLE: &str = "arn:aws:iam::123456789012:role/carnet-eu-central-1-operator";
const AUDIENCE: &str = "api://AzureADTokenExchange";
const NOBODY: &str = "99999999-9999-4999-8999-999999999999";

fn entra<'s>(code: &'s str, field: &'s str, presented: &'s str) -> Said<'s> {
    Said { hop: Hop::Exchange, kind: Kind::Refused, code, field, presented, anchor: None }
}

fn sts<'s>(kind: Kind, code: &'s str, field: &'s str, presented: &'s str) -> Said<'s> {
    Said { hop: Hop::Mint, kind, code, field, presented, anchor: None }
}

fn blob<'s>(kind: Kind, code: &'s str, field: &'s str, presented: &'s str) -> Said<'s> {
    Said { hop: Hop::Read, kind, code, field, presented, anchor: None }
}

async fn token(credential: &Credential<carnet_federation::exchange::Entra>, scope: &str) -> Result<()> {
    credential.token(&Scope::new(scope)).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_entra_refuses() {
    secrecy::watch();
    let stage = Stage::new().await;
    let issuer = stage.local.state().aws.issuer;
    let tenant = |settings: &mut AzureSettings| settings.tenant_id = NOBODY.to_owned();
    let client = |settings: &mut AzureSettings| settings.client_id = NOBODY.to_owned();
    let ours = |_: &mut AzureSettings| {};
    type Settings<'f> = &'f dyn Fn(&mut AzureSettings);
    type Change<'f> = &'f dyn Fn(&mut Application);
    let (none, unknown) = (&|_: &mut Application| {}, "https://nowhere.example/.default");
    let rows: [(Settings, Change, &str, Said); 18] = [
        (&tenant, none, SCOPE, entra("AADSTS90002", "tenant id", NOBODY)),
        (&client, none, SCOPE, entra("AADSTS700016", "client id", NOBODY)),
        (
            &ours,
            &|a| a.federated_credentials.clear(),
            SCOPE,
            entra("AADSTS70025", "federated credential", CLIENT),
        ),
        (&ours, &|a| each(a, |c| c.issuer.push('x')), SCOPE, entra("AADSTS700211", "issuer", &issuer)),
        (&ours, &|a| each(a, |c| c.subject.push('x')), SCOPE, entra("AADSTS700213", "subject", ROLE)),
        (
            &ours,
            &|a| each(a, |c| c.audiences[0].push('x')),
            SCOPE,
            entra("AADSTS700212", "audience", AUDIENCE),
        ),
        (
            &ours,
            &|a| each(a, |c| c.subject = c.subject.to_uppercase()),
            SCOPE,
            entra("AADSTS7002138", "letter case", ROLE),
        ),
        (
            &ours,
            &|a| a.spreading_until = Some(SystemTime::now() + Duration::from_secs(3600)),
            SCOPE,
            entra("AADSTS70021", "issuer, subject or audience", ROLE),
        ),
        (&ours, &|a| a.blocked_by = Some(53003), SCOPE, entra("AADSTS53003", "tenant policy", CLIENT)),
        (&ours, &|a| a.blocked_by = Some(700223), SCOPE, entra("AADSTS700223", "tenant policy", CLIENT)),
        (&ours, &|a| a.blocked_by = Some(700238), SCOPE, entra("AADSTS700238", "tenant policy", CLIENT)),
        (&ours, &|a| a.blocked_by = Some(700222), SCOPE, entra("AADSTS700222", "issuer", &issuer)),
        (&ours, &|a| a.blocked_by = Some(7002121), SCOPE, entra("AADSTS7002121", "audience", AUDIENCE)),
        (
            &ours,
            &|a| a.blocked_by = Some(7002131),
            SCOPE,
            entra("AADSTS7002131", "flexible expression", ROLE),
        ),
        (&ours, none, unknown, entra("AADSTS500011", "scope", unknown)),
        (
            &ours,
            none,
            "https://storage.azure.com",
            entra("AADSTS1002012", "scope", "https://storage.azure.com"),
        ),
        // A code nobody has written a row for: the next best thing is all three.
        (&ours, &|a| a.blocked_by = Some(50076), SCOPE, entra("AADSTS50076", "", ROLE)),
        (&ours, none, SCOPE, entra("", "", "")),
    ];
    for (settings, change, scope, said) in rows {
        let before = stage.local.shared.world().clone();
        change(stage.local.shared.world_mut().application_mut(CLIENT).unwrap());
        let credential = stage.credential(settings).await.unwrap();
        let outcome = token(&credential, scope).await;
        *stage.local.shared.world_mut() = before;
        match (outcome, said.code) {
            (outcome, "") => outcome.expect("the stage is as it was"),
            (outcome, "AADSTS50076") => {
                let error = outcome.expect_err("refused");
                assert_eq!(error.hint().map(|hint| hint.anchor), Some("other-refusals"), "{error}");
                assert!(
                    [&issuer, ROLE, AUDIENCE].iter().all(|part| error.to_string().contains(*part)),
                    "{error}"
                );
            }
            (outcome, code) => check(&outcome.expect_err(code), &said),
        }
    }
}

fn each(application: &mut Application, change: impl Fn(&mut carnet_trust::entra::FederatedCredential)) {
    application.federated_credentials.iter_mut().for_each(change);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_entra_cannot_check() {
    secrecy::watch();
    let stage = Stage::new().await;
    let issuer = stage.local.state().aws.issuer;
    let clouds = &stage.local.shared;
    let credential = stage.credential(|_| {}).await.unwrap();
    let gone = Fault::Status { status: 404, headers: Vec::new(), body: String::new() };
    for (fault, code) in [(gone, "AADSTS501661"), (Fault::ResetBefore, "AADSTS90061")] {
        clouds.faults.set(vec![Rule::always(At::Issuer, fault)]);
        let error = token(&credential, SCOPE).await.expect_err(code);
        check(&error, &entra(code, "issuer", &issuer));
    }
    clouds.faults.clear();
    token(&credential, SCOPE).await.unwrap();
    clouds.aws_keys.rotate().unwrap();
    let key = clouds.aws_keys.key_id(Algorithm::Rs256);
    let error = token(&stage.credential(|_| {}).await.unwrap(), SCOPE).await.expect_err("a key never seen");
    check(&error, &entra("AADSTS7000272", "JWKS", &key));
}

/// Gives what STS would if it were asked for it.
struct Ready(String);

impl Mint for Ready {
    fn target(&self) -> &str {
        "the test"
    }

    fn mint<'a>(&'a self, _: &'a Audience) -> BoxFuture<'a, Result<Assertion>> {
        Box::pin(std::future::ready(Ok(Assertion {
            proof: Proof::Jwt,
            secret: Secret::new(self.0.clone()),
            claims: Claims::of_jwt(&self.0).expect("a JWT"),
            expires_at: SystemTime::now() + Duration::from_secs(300),
        })))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_of_the_wrong_make() {
    secrecy::watch();
    let stage = Stage::new().await;
    let keys = &stage.local.shared.aws_keys;
    let issuer = stage.local.state().aws.issuer;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = |from: u64| -> Value {
        json!({ "iss": issuer, "sub": ROLE, "aud": AUDIENCE, "iat": from, "exp": from + 300 })
    };
    let other_type = json!({ "alg": "RS256", "typ": "at+jwt", "kid": keys.key_id(Algorithm::Rs256) });
    for (proof, said) in [
        (keys.sign(&claims(now), Algorithm::Es384), entra("AADSTS5002738", "algorithm", "ES384")),
        (
            keys.sign_as(&other_type, &claims(now).to_string(), Algorithm::Rs256),
            entra("AADSTS5002727", "typ", ROLE),
        ),
        (
            keys.sign(&claims(now - 7200), Algorithm::Rs256),
            entra("AADSTS700024", "clock", "an assertion for"),
        ),
    ] {
        let entra = stage.entra(&stage.http(), |_| {}).unwrap();
        let credential = Credential::new(Arc::new(Ready(proof.unwrap())), entra);
        check(&token(&credential, SCOPE).await.expect_err(said.code), &said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sts_refuses() {
    secrecy::watch();
    let stage = Stage::new().await;
    let long = "a".repeat(1001);
    let (same, far) = (AUDIENCE, long.as_str());
    let asked = format!("audience {AUDIENCE}, duration 300 s, algorithm RS256");
    type Change<'f> = &'f dyn Fn(&mut World);
    let rows: [(Change, &str, Said); 8] = [
        (
            &|w| w.aws.roles.values_mut().for_each(|role| role.policies.clear()),
            same,
            sts(Kind::Forbidden, "AccessDenied", "sts:GetWebIdentityToken", &asked),
        ),
        (
            &|w| w.aws.outbound_federation = false,
            same,
            sts(
                Kind::Refused,
                "OutboundWebIdentityFederationDisabledException",
                "outbound federation",
                &asked,
            ),
        ),
        (
            &|w| operator(w).expires_at = Some(SystemTime::now() + Duration::from_secs(30)),
            same,
            sts(Kind::Refused, "SessionDurationEscalationException", "duration", &asked),
        ),
        (
            &|w| operator(w).expires_at = Some(SystemTime::now() - Duration::from_secs(1)),
            same,
            sts(Kind::Refused, "ExpiredToken", "AWS session", &asked),
        ),
        (
            &|w| w.aws.access_keys.clear(),
            same,
            sts(Kind::Refused, "InvalidClientTokenId", "access key", &asked),
        ),
        (
            &|w| operator(w).secret.push('x'),
            same,
            sts(Kind::Refused, "SignatureDoesNotMatch", "signature or clock", &asked),
        ),
        (&|_| {}, far, sts(Kind::Refused, "ValidationError", "audience, duration or tags", "duration 300 s")),
        (&|_| {}, same, sts(Kind::Refused, "", "", "")),
    ];
    for (change, audience, said) in rows {
        let before = stage.local.shared.world().clone();
        change(&mut stage.local.shared.world_mut());
        let credential = stage.credential(|settings| settings.audience = audience.to_owned()).await.unwrap();
        let outcome = token(&credential, SCOPE).await;
        *stage.local.shared.world_mut() = before;
        match said.code {
            "" => outcome.expect("the stage is as it was"),
            code => check(&outcome.expect_err(code), &said),
        }
    }
}

fn operator(world: &mut World) -> &mut carnet_localclouds::world::AccessKey {
    let operator = world.operator.clone();
    world.aws.access_keys.get_mut(&operator).expect("the operator has a key")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_refuses() {
    secrecy::watch();
    let stage = Stage::new().await;
    stage.put("there.txt", "bytes");
    type Change<'f> = &'f dyn Fn(&mut World);
    let none: Change = &|_| {};
    let rows: [(Change, &str, &str, Said); 5] = [
        (
            &|w| container(w).readers.clear(),
            CONTAINER,
            "there.txt",
            blob(Kind::Forbidden, "AuthorizationPermissionMismatch", "role assignment", CLIENT),
        ),
        (
            &|w| account(w).firewalled = true,
            CONTAINER,
            "there.txt",
            blob(Kind::Forbidden, "AuthorizationFailure", "network rules", CLIENT),
        ),
        (none, CONTAINER, "missing.txt", blob(Kind::NotFound, "BlobNotFound", "key", "")),
        (none, "elsewhere", "there.txt", blob(Kind::NotFound, "ContainerNotFound", "container", "")),
        (none, CONTAINER, "there.txt", blob(Kind::NotFound, "", "", "")),
    ];
    for (change, container, name, said) in rows {
        let before = stage.local.shared.world().clone();
        change(&mut stage.local.shared.world_mut());
        let source = stage.source_in(container).await.unwrap();
        let outcome = read(source, &Key::parse(name).unwrap(), ReadRequest::default()).await.map(|_| ());
        *stage.local.shared.world_mut() = before;
        match said.code {
            "" => outcome.expect("the stage is as it was"),
            code => check(&outcome.expect_err(code), &said),
        }
    }
    let source = stage.source().await.unwrap();
    let bodies = |status| Fault::Status {
        status,
        headers: vec![("x-ms-error-code".to_owned(), "InvalidAuthenticationInfo".to_owned())],
        body: String::new(),
    };
    stage.local.shared.faults.add(Rule::always(At::Blob, bodies(401)));
    let outcome = read(source, &Key::parse("there.txt").unwrap(), ReadRequest::default()).await.map(|_| ());
    let said = blob(Kind::Unauthenticated, "InvalidAuthenticationInfo", "access token", CLIENT);
    check(&outcome.expect_err("no token is taken"), &said);
}

fn account(world: &mut World) -> &mut StorageAccount {
    world.azure.accounts.get_mut(ACCOUNT).expect("the stage's account")
}

fn container(world: &mut World) -> &mut Container {
    account(world).containers.get_mut(CONTAINER).expect("the stage's container")
}
