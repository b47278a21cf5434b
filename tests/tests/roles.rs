//! Each function's role in `template.yaml` against what the function asks of AWS: exactly that, no more.
//!
//! The function runs end to end under the very policies of the template, and the stand-ins record its calls.
//! What a role of the sync reaches in the bucket is in `template_sync.rs`.

use carnet_localclouds::Options;
use carnet_localclouds::faults::Hop;
use carnet_tests::api::{Api, BLOB_API, Door, GCS_API, HELLO};
use carnet_tests::deployment::{Deployment, FUNCTIONS};
use carnet_tests::template::{Deployed, Target, Template};
use carnet_tests::{BUCKET, CLIENT, PROJECT, SERVICE_ACCOUNT, Stage, TENANT};
use carnet_trust::aws::{Decision, Policy, Request, Statement, Values, evaluate};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Lambda's own work by a function's role, done by the same session as the function's.
/// (AWS, "Using source function ARN to control function access behavior" lists it.)
const LAMBDAS_OWN: [&str; 6] = [
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    // AWS, "Using Lambda with Amazon SQS": it polls by the function's role.
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
];

/// Of a function that writes copies, and of one that writes the state alone.
const COPIES: &[&str] = &[
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
    "sts:GetWebIdentityToken",
];
const PLANS: &[&str] =
    &["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject", "sts:GetWebIdentityToken"];

/// Roles of the sync, and what each function may do by its own.
const OF_THE_SYNC: [(&str, &[&str], &[&str]); 5] = [
    ("SyncPlanRole", PLANS, &[]),
    ("SyncCopyRole", COPIES, &[]),
    ("SyncCommitRole", PLANS, &[]),
    ("IngestObjectRole", COPIES, &["sqs:GetQueueAttributes", "sqs:SendMessage"]),
    ("EventWebhookRole", &[], &["sqs:GetQueueAttributes", "sqs:SendMessage"]),
];

/// AWS, "GetCallerIdentity" (STS API reference): "No permissions are required to perform this operation."
const NEEDS_NO_PERMISSION: &str = "sts:GetCallerIdentity";

/// One way of a function, and what a deployment of it is given.
struct Way {
    door: Door,
    role: &'static str,
    parameters: Vec<(&'static str, String)>,
    asks: &'static [&'static str],
}

fn ways() -> [Way; 4] {
    let blob_api = Way {
        door: BLOB_API,
        role: "BlobApiRole",
        parameters: vec![
            ("Places", "assets=azure://carnettest/assets".into()),
            ("TenantId", TENANT.into()),
            ("ClientId", CLIENT.into()),
        ],
        asks: &["sts:GetWebIdentityToken"],
    };
    let google = |function, provider: &str, proof: &str, account: &str, asks| Way {
        door: Door { function, ..GCS_API },
        role: "GcsApiRole",
        parameters: vec![
            ("GooglePlaces", "archive=gs://carnet-test-bucket".into()),
            (
                "GoogleAudience",
                format!(
                    "//iam.googleapis.com/projects/{PROJECT}/locations/global/workloadIdentityPools/carnet/providers/{provider}"
                ),
            ),
            ("GoogleProof", proof.into()),
            ("GoogleServiceAccount", account.into()),
        ],
        asks,
    };
    [
        blob_api,
        google("gcs-api", "aws-tokens", "jwt", "", &["sts:GetWebIdentityToken"]),
        google("gcs-api-as-account", "aws-tokens", "jwt", SERVICE_ACCOUNT, &["sts:GetWebIdentityToken"]),
        // It signs GetCallerIdentity and Google sends it. Only its doctor sends one itself.
        google("gcs-api-by-role", "aws-roles", "aws4_request", "", &[]),
    ]
}

/// A stack with a sync from Azure and its door, and nothing else.
fn sync_from_azure() -> Vec<(&'static str, String)> {
    vec![
        ("SyncSource", "azure://carnettest/assets".into()),
        ("TenantId", TENANT.into()),
        ("SyncClientId", CLIENT.into()),
        ("EventsAudiences", "api://door".into()),
        ("EventsSubjects", CLIENT.into()),
    ]
}

fn deploy(parameters: &[(&'static str, String)], more: &[(&str, &str)]) -> Deployed {
    let parameters = parameters.iter().map(|(name, value)| (*name, value.as_str()));
    let parameters: Vec<_> = parameters.chain(more.iter().copied()).collect();
    Template::load().deploy(&Target {
        stack: "carnet",
        region: "eu-central-1",
        account: "123456789012",
        parameters: &parameters,
    })
}

/// What the function itself may do by its role.
fn granted(policies: &[Policy]) -> BTreeSet<String> {
    let statements = policies.iter().flat_map(|policy| &policy.statement.0);
    let actions = statements.filter(|statement| !refuses_functions(statement)).flat_map(|s| &s.action.0);
    actions.filter(|action| !LAMBDAS_OWN.contains(&action.as_str())).cloned().collect()
}

/// Whether it lets in only what Lambda does outside the function: only there no source function is named.
fn refuses_functions(statement: &Statement) -> bool {
    let keys = statement.condition.iter().filter(|(operator, _)| operator.to_string() == "Null");
    keys.flat_map(|(_, keys)| keys)
        .any(|(key, values)| key == "lambda:SourceFunctionArn" && *values == Values::one("true"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_grants_what_its_function_asks_of_aws_and_no_more() {
    for way in ways() {
        let name = way.door.function;
        let policies = deploy(&way.parameters, &[]).policies(way.role);
        let expected: BTreeSet<String> = way.asks.iter().map(|action| action.to_string()).collect();
        assert_eq!(granted(&policies), expected, "{name}");

        let api = Api::open(way.door).await;
        let role = format!("carnet-eu-central-1-{name}");
        api.stage.local.shared.world_mut().aws.roles.get_mut(&role).expect("a role").policies = policies;
        assert_eq!(
            api.stage.local.shared.trail.calls(),
            [],
            "{name}: under the policies of the template only"
        );

        // A page, an object, what is not there; then the doctor.
        assert_eq!(api.get("", &[]).await.status(), 200, "{name}: {:#?}", api.lines());
        assert_eq!(api.get("/hello.txt", &[]).await.bytes().await.unwrap(), HELLO);
        assert_eq!(api.get("/nothing", &[]).await.status(), 404);
        assert_eq!(asked(&api, &role), expected, "{name}");
        assert_eq!(api.doctor().await["ok"], true, "{name}");
        let mut by_the_doctor_too = asked(&api, &role);
        by_the_doctor_too.remove(NEEDS_NO_PERMISSION);
        assert_eq!(by_the_doctor_too, expected, "{name}");
    }
}

/// The actions that were recorded, all of them the role's.
fn asked(api: &Api, role: &str) -> BTreeSet<String> {
    let calls = api.stage.local.shared.trail.calls();
    assert!(calls.iter().all(|call| call.role == role), "{calls:?}");
    // No request came that was too malformed to be recorded.
    assert_eq!(api.stage.count(Hop::Sts) + api.stage.count(Hop::Iam), calls.len());
    calls.into_iter().map(|call| call.action).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_grant_a_function_reads_nothing() {
    let api = Api::open(BLOB_API).await;
    let role = "carnet-eu-central-1-blob-api";
    api.stage.local.shared.world_mut().aws.roles.get_mut(role).expect("a role").policies.clear();
    assert_eq!(api.get("/hello.txt", &[]).await.status(), 502);
    assert!(!api.stage.local.shared.trail.calls().is_empty(), "refused calls are recorded too");
    assert_eq!(api.stage.count(Hop::Blob), 0);
}

#[test]
fn roles_of_the_sync_grant_what_is_listed_here_and_no_more() {
    let deployed = deploy(&sync_from_azure(), &[]);
    for (role, bucket, queue) in OF_THE_SYNC {
        let expected: BTreeSet<String> = bucket.iter().chain(queue).map(ToString::to_string).collect();
        assert_eq!(granted(&deployed.policies(role)), expected, "{role}");
        for statement in deployed.policies(role).iter().flat_map(|policy| &policy.statement.0) {
            let named = |action: &&String| action.starts_with("s3:") || action.starts_with("sqs:");
            let wide = statement.resource.0.iter().any(|resource| resource == "*");
            assert!(
                !wide || !statement.action.0.iter().any(|action| named(&action)),
                "{role}: {statement:?}"
            );
        }
    }
}

/// Secrets, from Azure.
fn secrets_from_azure() -> Vec<(&'static str, String)> {
    vec![
        ("Secrets", "keyvault://carnet-test/a=secretsmanager://app/a".into()),
        ("SecretArns", "arn:aws:secretsmanager:*:123456789012:secret:app/a-??????".into()),
        ("TenantId", TENANT.into()),
        ("SecretsClientId", CLIENT.into()),
    ]
}

/// That these are the calls it makes is held by `secret_sync.rs`, where there is a Secrets Manager.
#[test]
fn the_role_that_copies_secrets_grants_what_is_listed_here_and_no_more() {
    let puts = [
        "secretsmanager:DescribeSecret",
        "secretsmanager:PutSecretValue",
        "secretsmanager:TagResource",
        "sts:GetWebIdentityToken",
    ];
    let key = ("SecretsKmsKeyArn", "arn:aws:kms:eu-central-1:123456789012:key/k");
    for (more, adds) in [
        (&[][..], &[][..]),
        (&[("SecretsCreate", "true")][..], &["secretsmanager:CreateSecret"][..]),
        (&[key][..], &["kms:Decrypt", "kms:GenerateDataKey"][..]),
    ] {
        let policies = deploy(&secrets_from_azure(), more).policies("SecretSyncRole");
        let expected: BTreeSet<String> = puts.iter().chain(adds).map(ToString::to_string).collect();
        assert_eq!(granted(&policies), expected);
        for statement in policies.iter().flat_map(|policy| &policy.statement.0) {
            let of_secrets = statement.action.0.iter().any(|action| action.starts_with("secretsmanager:"));
            let arns = &statement.resource.0;
            assert!(!of_secrets || *arns == [secrets_from_azure()[1].1.clone()], "{statement:?}");
        }
    }
}

#[test]
fn nothing_but_the_one_token_can_be_minted() {
    let way = &ways()[0];
    mints_the_one_token(&deploy(&way.parameters, &[]).policies(way.role));
    mints_the_one_token(&deploy(&secrets_from_azure(), &[]).policies("SecretSyncRole"));
    let deployed = deploy(&sync_from_azure(), &[]);
    for (role, ..) in OF_THE_SYNC.iter().filter(|(_, bucket, _)| !bucket.is_empty()) {
        mints_the_one_token(&deployed.policies(role));
    }
}

#[track_caller]
fn mints_the_one_token(policies: &[Policy]) {
    let mint = |audiences: &[&str], seconds: &str, algorithm: &str| {
        let request = Request::new("sts:GetWebIdentityToken", "*")
            .with("sts:IdentityTokenAudience", audiences.iter().copied())
            .with("sts:DurationSeconds", [seconds])
            .with("sts:SigningAlgorithm", [algorithm]);
        evaluate(policies, &request) == Decision::Allowed
    };
    let good = "api://AzureADTokenExchange";
    assert!(mint(&[good], "300", "RS256"));
    assert!(!mint(&["sts.amazonaws.com"], "300", "RS256"));
    assert!(!mint(&[good, "sts.amazonaws.com"], "300", "RS256"), "a good audience carries no other along");
    assert!(!mint(&[good], "301", "RS256"));
    assert!(!mint(&[good], "300", "ES384"));
    let without_audience = Request::new("sts:GetWebIdentityToken", "*")
        .with("sts:DurationSeconds", ["300"])
        .with("sts:SigningAlgorithm", ["RS256"]);
    assert_ne!(evaluate(policies, &without_audience), Decision::Allowed);
}

#[test]
fn what_is_optional_adds_permissions_for_lambda_only() {
    /// Its name, its parameters, and the actions that come with it.
    type Option<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);
    let options: [Option<'_>; 3] = [
        ("X-Ray", &[("XRay", "on")], &["xray:PutTelemetryRecords", "xray:PutTraceSegments"]),
        (
            "VPC",
            &[("SubnetIds", "subnet-0a,subnet-0b"), ("SecurityGroupIds", "sg-0a")],
            &[
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:UnassignPrivateIpAddresses",
            ],
        ),
        ("key", &[("KmsKeyArn", "arn:aws:kms:eu-central-1:123456789012:key/k")], &["kms:Decrypt"]),
    ];
    let actions = |policies: &[Policy]| -> BTreeSet<String> {
        policies.iter().flat_map(|policy| &policy.statement.0).flat_map(|s| s.action.0.clone()).collect()
    };
    let of_the_sync = OF_THE_SYNC.map(|(role, ..)| (role, sync_from_azure()));
    let of_secrets = [("SecretSyncRole", secrets_from_azure())];
    let of_ways = ways().map(|way| (way.role, way.parameters));
    for (role, own) in of_ways.into_iter().chain(of_the_sync).chain(of_secrets) {
        let plain = deploy(&own, &[]).policies(role);
        for (name, parameters, adds) in &options {
            let policies = deploy(&own, parameters).policies(role);
            let added: BTreeSet<String> = actions(&policies).difference(&actions(&plain)).cloned().collect();
            assert!(added.iter().eq(adds.iter()), "{name}: {added:?}");
            assert_eq!(granted(&policies), granted(&plain), "{name} gives the function's own code nothing");
        }
    }
}

/// The sync's functions, on all that makes them call: big objects, one that changes while it is copied, a
/// deletion, a source that turns the plan away.
#[tokio::test(flavor = "multi_thread")]
async fn each_role_of_the_sync_grants_what_its_function_asks_and_no_more() {
    let variables = [
        ("CARNET_SYNC_BATCH_OBJECTS", "2"),
        ("CARNET_SYNC_BATCH_BYTES", "8388608"),
        ("CARNET_SYNC_RANGE_OBJECTS", "2"),
    ];
    let deployment = Deployment::new(&[("SyncDelete", "true")], &variables, Duration::from_secs(60)).await;
    let stage = &deployment.stage;
    stage.put("a", "first");
    stage.put("b", "second");
    stage.put("big", vec![1; 18_000_000]);
    let shared = &stage.local.shared;
    shared.trail.clear();

    let plan = deployment.plan("one", json!({})).await.unwrap();
    let work = deployment.array(plan["work"].as_str().unwrap()).await;
    deployment.copy(work.last().unwrap().clone()).await.unwrap();
    stage.put("big", vec![2; 18_000_000]);
    for item in work.iter().chain(&deployment.array(plan["big"].as_str().unwrap()).await) {
        deployment.copy(item.clone()).await.unwrap();
    }
    deployment.commit(plan["run"].as_str().unwrap()).await.unwrap();
    deployment.assert_same().await;
    std::fs::remove_file(stage.blobs().join("a")).unwrap();
    let ended = deployment.run("two", json!({})).await.unwrap();
    assert_eq!(ended["deleted"], 1, "{ended}");
    stage.fault("google.storage=status:403");
    let (name, message) = deployment.plan("three", json!({})).await.unwrap_err();
    assert_eq!(name, "Carnet.Forbidden", "{message}");
    shared.faults.clear();
    deployment.assert_same().await;

    for (function, _, role) in FUNCTIONS {
        let report = deployment.call(function, json!({ "carnet": "doctor" })).await.unwrap();
        assert_eq!(report["ok"], true, "{function}: {report:#}");
        let own = format!("carnet-eu-central-1-{function}");
        let calls = shared.trail.calls().into_iter().filter(|call| call.role == own);
        let asked: BTreeSet<String> =
            calls.map(|call| call.action).filter(|action| action != NEEDS_NO_PERMISSION).collect();
        assert_eq!(asked, granted(&deployment.deployed.policies(role)), "{function}");
    }
}

/// Events under its own role: what is new, what is there already, what is big, what is gone. What it asks of
/// SQS no stand-in of ours records.
#[tokio::test(flavor = "multi_thread")]
async fn ingest_object_needs_no_more_than_its_role_grants() {
    let parameters =
        [("SyncSource", format!("gs://{BUCKET}")), ("SyncGoogleAudience", ways()[1].parameters[1].1.clone())];
    let deployed = deploy(&parameters, &[]);
    let policies = deployed.policies("IngestObjectRole");
    let told = &deployed.properties("IngestObject")["Environment"]["Variables"];
    let variables =
        ["CARNET_SYNC_SOURCE", "CARNET_SYNC_DESTINATION", "CARNET_INGEST_INBOX", "CARNET_EVENTS_QUEUE_URL"];
    let mut function_env: BTreeMap<String, String> = variables
        .iter()
        .map(|name| (name.to_string(), told[name].as_str().expect("text").to_owned()))
        .collect();
    function_env.insert("CARNET_SPREADING_WINDOW_SECONDS".into(), "0".into());
    let functions = Some(vec!["ingest-object".to_owned()]);
    let stage = Stage::with(Options { functions, function_env, ..Options::default() }).await;
    let role = "carnet-eu-central-1-ingest-object";
    {
        let mut world = stage.local.shared.world_mut();
        world.aws.s3_buckets.insert("carnet-syncbucket".into());
        world.aws.roles.get_mut(role).expect("a role").policies = policies.clone();
    }
    stage.put("small", "first");
    stage.put("big", vec![1; 18_000_000]);
    for (name, became) in [("small", "copied"), ("small", "same"), ("big", "copied"), ("none", "gone")] {
        let event = json!({ "carnet": "ingest", "url": format!("gs://{BUCKET}/{name}") });
        let output = stage.function("ingest-object").invoke(event.to_string()).await;
        assert_eq!(output.function_error, None, "{name}: {output:?}");
        let answer: serde_json::Value = serde_json::from_slice(&output.payload).expect("JSON");
        assert_eq!(answer[became], 1, "{name}: {answer}");
    }
    let calls = stage.local.shared.trail.calls().into_iter().filter(|call| call.role == role);
    let asked: BTreeSet<String> = calls.map(|call| call.action).collect();
    assert!(asked.contains("s3:PutObject") && asked.contains("s3:DeleteObject"), "{asked:?}");
    assert!(asked.is_subset(&granted(&policies)), "{asked:?}");
}
