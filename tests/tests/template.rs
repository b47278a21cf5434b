//! `template.yaml`, `samconfig.toml` and `carnet.toml` say the same, and what they name fits.

use carnet_federation::error::Kind;
use carnet_localclouds::World;
use carnet_tests::repository;
use carnet_tests::template::{Deployed, Target, Template};
use carnet_trust::aws::Policy;
use carnet_trust::config::{Config, ProviderKind};
use carnet_trust::derive::MAX_ROLE_NAME;
use carnet_trust::google::MAX_SUBJECT_BYTES;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A function, its place in the template, and which variable of it is which parameter.
const FUNCTIONS: [(&str, &str, &[(&str, &str)]); 2] = [
    (
        "blob-api",
        "BlobApi",
        &[
            ("CARNET_PLACES", "Places"),
            ("AZURE_TENANT_ID", "TenantId"),
            ("AZURE_CLIENT_ID", "ClientId"),
            ("CARNET_AZURE_CLOUD", "AzureCloud"),
        ],
    ),
    (
        "gcs-api",
        "GcsApi",
        &[
            ("CARNET_PLACES", "GooglePlaces"),
            ("CARNET_GOOGLE_AUDIENCE", "GoogleAudience"),
            ("CARNET_GOOGLE_TOKEN_AUDIENCE", "GoogleTokenAudience"),
            ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "GoogleProof"),
            ("CARNET_GOOGLE_SERVICE_ACCOUNT", "GoogleServiceAccount"),
        ],
    ),
];

/// Two that a stack is likely in; the second's name is as long as any region's is.
const REGIONS: [&str; 2] = ["eu-central-1", "ap-southeast-2"];

fn example() -> Config {
    let text = std::fs::read_to_string(repository().join("carnet.toml")).expect("carnet.toml");
    Config::parse(&text).unwrap_or_else(|faults| panic!("carnet.toml: {faults:?}"))
}

/// What the configuration says of each function, as the template's parameters.
fn parameters(config: &Config) -> Vec<(&'static str, String)> {
    let world = World::from_config(config, repository()).expect("a world");
    let named = FUNCTIONS.iter().flat_map(|(function, _, names)| names.iter().map(move |n| (*function, n)));
    named
        .filter_map(|(function, (variable, parameter))| {
            Some((*parameter, world.functions.get(function)?.environment.get(*variable)?.clone()))
        })
        .collect()
}

fn deploy(config: &Config, more: &[(&str, &str)]) -> Deployed {
    let parameters = parameters(config);
    let parameters = parameters.iter().map(|(name, value)| (*name, value.as_str()));
    deploy_with(config, &parameters.chain(more.iter().copied()).collect::<Vec<_>>())
}

fn deploy_with(config: &Config, parameters: &[(&str, &str)]) -> Deployed {
    let aws = &config.aws;
    let target = Target { stack: &aws.stack, region: &aws.region, account: &aws.account, parameters };
    Template::load().deploy(&target)
}

/// The example in which both providers are of one kind.
fn with_proof(kind: ProviderKind) -> Config {
    let mut config = example();
    let google = config.google.as_mut().expect("[google]");
    let provider = google.providers.iter().find(|(_, provider)| provider.kind == kind);
    let name = provider.expect("a provider of each kind").0.clone();
    config.functions.get_mut("gcs-api").expect("gcs-api").google_provider = Some(name);
    config
}

#[test]
fn roles_and_what_they_may_mint_are_those_the_trust_is_derived_from() {
    for kind in [ProviderKind::Oidc, ProviderKind::Aws] {
        let config = with_proof(kind);
        let deployed = deploy(&config, &[]);
        assert_eq!(deployed.refusals, Vec::<String>::new());
        for (function, logical, _) in FUNCTIONS {
            let role = format!("{logical}Role");
            assert_eq!(deployed.properties(&role)["RoleName"], config.role_name(function));
            assert_eq!(deployed.properties(logical)["Role"], config.role_arn(function));
            assert_eq!(deployed.outputs[&format!("{role}Arn")]["Value"], config.role_arn(function));
            let derived = config.mint_policy(&config.functions[function]);
            let minting = deployed.policies(&role).into_iter().find(mints);
            let conditions = |policy: Policy| policy.statement.0[0].condition.clone();
            assert_eq!(minting.map(conditions), derived.map(conditions), "{function}, {kind:?}");
        }
    }
}

fn mints(policy: &Policy) -> bool {
    policy.statement.0.iter().any(|statement| statement.action.0 == ["sts:GetWebIdentityToken"])
}

#[test]
fn the_far_sides_trust_the_subject_and_audience_that_the_roles_present() {
    let config = example();
    let deployed = deploy(&config, &[]);
    let arn = deployed.outputs["BlobApiRoleArn"]["Value"].as_str().expect("an ARN");
    let credentials = config.federated_credentials("https://issuer.example");
    let credential = credentials.values().flatten().find(|credential| credential.subject == arn);
    let audience = &deployed.properties("BlobApi")["Environment"]["Variables"]["CARNET_AZURE_AUDIENCE"];
    assert_eq!(credential.expect("a credential for the role").audiences, [audience.as_str().unwrap()]);

    let arn = deployed.outputs["GcsApiRoleArn"]["Value"].as_str().expect("an ARN");
    let identity = config.google_identity("gcs-api").expect("a provider").expect("let in");
    assert_eq!(identity.subject, arn);
    let provider = config.functions["gcs-api"].google_provider.as_ref().expect("a provider");
    let audience = &deployed.properties("GcsApi")["Environment"]["Variables"]["CARNET_GOOGLE_AUDIENCE"];
    assert_eq!(*audience, config.google.as_ref().expect("[google]").audience(provider));
}

#[test]
fn functions_are_given_what_the_configuration_says_of_them() {
    for kind in [ProviderKind::Oidc, ProviderKind::Aws] {
        let config = with_proof(kind);
        let deployed = deploy(&config, &[]);
        let world = World::from_config(&config, repository()).expect("a world");
        for (function, logical, _) in FUNCTIONS {
            let variables = &deployed.properties(logical)["Environment"]["Variables"];
            for (name, value) in &world.functions[function].environment {
                assert_eq!(variables[name], *value, "{function}: {name}");
            }
        }
    }
}

/// The stages of samconfig.toml, and the names of their stacks.
fn stages() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(repository().join("samconfig.toml")).expect("samconfig.toml");
    let stages: toml::Table = text.parse().expect("TOML");
    let stack = |stage: &toml::Value| {
        Some(stage.get("deploy")?.get("parameters")?.get("stack_name")?.as_str()?.to_owned())
    };
    stages.iter().filter_map(|(name, stage)| Some((name.clone(), stack(stage)?))).collect()
}

#[test]
fn names_of_every_stage_and_region_fit() {
    let stages = stages();
    assert_eq!(stages.keys().map(String::as_str).collect::<Vec<_>>(), ["dev", "prod", "staging"]);
    let mut roles = BTreeSet::new();
    for (region, stack) in REGIONS.iter().flat_map(|region| stages.values().map(move |stack| (region, stack)))
    {
        for kind in [ProviderKind::Oidc, ProviderKind::Aws] {
            let mut config = with_proof(kind);
            (config.aws.region, config.aws.stack) = (region.to_string(), stack.clone());
            for (name, _) in config.principals() {
                assert!(config.role_name(name).len() <= MAX_ROLE_NAME, "{}", config.role_name(name));
                roles.insert(config.role_name(name));
                let identity = config.google_identity(name).map(|identity| identity.expect("let in"));
                assert!(identity.is_none_or(|identity| identity.subject.len() <= MAX_SUBJECT_BYTES));
            }
        }
    }
    let principals = example().principals().count();
    assert_eq!(roles.len(), principals * REGIONS.len() * stages.len(), "no two share a name: {roles:?}");
}

/// The template's head says so.
#[test]
fn forty_characters_are_left_for_the_stack() {
    let mut config = example();
    config.aws.region = REGIONS[1].to_owned();
    config.aws.stack = "s".repeat(40);
    let fits = |config: &Config, function| config.role_name(function).len() <= MAX_ROLE_NAME;
    for (function, _, _) in FUNCTIONS {
        assert!(fits(&config, function));
        let identity = config.google_identity(function).map(|identity| identity.expect("let in"));
        assert!(identity.is_none_or(|identity| identity.subject.len() <= MAX_SUBJECT_BYTES));
    }
    config.aws.stack.push('s');
    assert!(!FUNCTIONS.iter().all(|(function, _, _)| fits(&config, function)));
}

#[test]
fn each_cloud_s_half_stands_alone_and_half_a_half_is_refused() {
    let config = example();
    let given = parameters(&config);
    let only = |half: usize| -> Vec<(&str, &str)> {
        let names: Vec<&str> = FUNCTIONS[half].2.iter().map(|(_, parameter)| *parameter).collect();
        given.iter().filter(|(name, _)| names.contains(name)).map(|(n, v)| (*n, v.as_str())).collect()
    };
    for (here, there, path) in [(0, 1, "/azure/"), (1, 0, "/gcs/")] {
        let deployed = deploy_with(&config, &only(here));
        assert_eq!(deployed.refusals, Vec::<String>::new());
        let absent = FUNCTIONS[there].1;
        assert!(
            deployed.resources.keys().chain(deployed.outputs.keys()).all(|name| !name.starts_with(absent))
        );
        let paths = deployed.properties("Api")["DefinitionBody"]["paths"].as_object().expect("paths");
        assert_eq!(paths.len(), 2);
        assert!(paths.keys().all(|name| name.starts_with(path)), "{paths:?}");
    }
    let refused = |parameters: &[(&str, &str)]| deploy_with(&config, parameters).refusals;
    assert_eq!(refused(&[]), ["Give Places, GooglePlaces, or both"]);
    assert_eq!(refused(&[("Places", "a=azure://b/c")]), ["Places need TenantId and ClientId"]);
    assert_eq!(refused(&[("GooglePlaces", "a=gs://b")]), ["GooglePlaces need GoogleAudience"]);
    let mut subnet_alone = only(0);
    subnet_alone.push(("SubnetIds", "subnet-0a"));
    assert_eq!(refused(&subnet_alone), ["SubnetIds and SecurityGroupIds go together"]);
}

#[test]
fn every_method_is_signed_streamed_and_of_the_right_function() {
    let deployed = deploy(&example(), &[]);
    let paths = deployed.properties("Api")["DefinitionBody"]["paths"].as_object().expect("paths");
    for (path, methods) in paths {
        let function = if path.starts_with("/azure/") { "carnet-blob-api" } else { "carnet-gcs-api" };
        let methods = methods.as_object().expect("methods");
        assert_eq!(methods.keys().map(String::as_str).collect::<Vec<_>>(), ["get", "head"], "{path}");
        for method in methods.values() {
            assert_eq!(method["security"], serde_json::json!([{ "signed": [] }]));
            let integration = &method["x-amazon-apigateway-integration"];
            assert_eq!(integration["responseTransferMode"], "STREAM");
            let uri = integration["uri"].as_str().expect("a URI");
            assert!(uri.ends_with(&format!(":function:{function}/response-streaming-invocations")), "{uri}");
        }
    }
}

#[test]
fn what_is_asked_for_reaches_every_resource_it_concerns() {
    let config = example();
    let (key, boundary, topic) = (
        "arn:aws:kms:eu-central-1:123456789012:key/k",
        "arn:aws:iam::123456789012:policy/boundary",
        "arn:aws:sns:eu-central-1:123456789012:alarms",
    );
    let asked = [
        ("KmsKeyArn", key),
        ("PermissionsBoundaryArn", boundary),
        ("AlarmTopicArn", topic),
        ("SubnetIds", "subnet-0a,subnet-0b"),
        ("SecurityGroupIds", "sg-0a"),
        ("XRay", "on"),
        ("LogRetentionDays", "365"),
    ];
    let (bare, full) = (deploy(&config, &[]), deploy(&config, &asked));
    let check = |kind: &str, count: usize, property: &str, expected: Value| {
        let found: Vec<_> = full.of_type(kind).collect();
        assert_eq!(found.len(), count, "{kind}");
        for (name, properties) in found {
            assert_eq!(properties[property], expected, "{name}: {property}");
            assert_ne!(bare.properties(name)[property], expected, "{name}: {property} is there unasked");
        }
    };
    check("AWS::IAM::Role", 2, "PermissionsBoundary", boundary.into());
    check("AWS::Logs::LogGroup", 3, "KmsKeyId", key.into());
    check("AWS::Logs::LogGroup", 3, "RetentionInDays", "365".into());
    check("AWS::Serverless::Function", 2, "KmsKeyArn", key.into());
    check("AWS::Serverless::Function", 2, "Tracing", "Active".into());
    let network =
        serde_json::json!({ "SubnetIds": ["subnet-0a", "subnet-0b"], "SecurityGroupIds": ["sg-0a"] });
    check("AWS::Serverless::Function", 2, "VpcConfig", network);
    check("AWS::CloudWatch::Alarm", 9, "AlarmActions", serde_json::json!([topic]));
    check("AWS::Serverless::Api", 1, "TracingEnabled", true.into());
}

#[test]
fn the_access_log_is_json_and_says_nothing_that_a_header_or_query_does() {
    let deployed = deploy(&example(), &[]);
    let format = deployed.properties("Api")["AccessLogSetting"]["Format"].as_str().expect("a format");
    let line: BTreeMap<String, String> = serde_json::from_str(format).expect("JSON");
    for (name, variable) in line {
        assert!(variable.starts_with("$context."), "{name}: {variable}");
        for secret in ["header", "query", "body", "accessKey", "authorizer"] {
            assert!(!variable.contains(secret), "{name}: {variable}");
        }
    }
    let off = deploy(&example(), &[("AccessLog", "off")]);
    assert!(off.properties("Api").get("AccessLogSetting").is_none());
    assert!(!off.resources.contains_key("ApiLog"));
}

#[test]
fn alarms_watch_metrics_that_exist_and_name_rows_that_exist() {
    let deployed = deploy(&example(), &[]);
    let page = std::fs::read_to_string(repository().join("docs/troubleshooting.md")).expect("the page");
    let anchors: BTreeSet<String> = page
        .lines()
        .filter_map(|line| Some(line.strip_prefix('#')?.trim_start_matches('#').trim()))
        .map(|title| {
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect();
    let ours: BTreeSet<String> = [Kind::Refused, Kind::Forbidden, Kind::NotConfigured, Kind::Throttled]
        .map(|kind| format!("Errors.{kind}"))
        .into();
    let mut watched = BTreeSet::new();
    for (name, alarm) in deployed.of_type("AWS::CloudWatch::Alarm") {
        let description = alarm["AlarmDescription"].as_str().expect("a description");
        let (_, anchor) = description.rsplit_once("docs/troubleshooting.md#").expect("a link to a row");
        assert!(anchors.contains(anchor), "{name}: there is no row {anchor}");
        for metric in metrics(alarm) {
            if metric["Namespace"] == "Carnet" {
                let function = metric["Dimensions"][0]["Value"].as_str().expect("a function");
                assert_eq!(metric["Dimensions"][0]["Name"], "Function");
                assert!(["carnet-blob-api", "carnet-gcs-api"].contains(&function), "{function}");
                watched.insert(metric["MetricName"].as_str().expect("a name").to_owned());
            }
        }
    }
    assert_eq!(watched, ours);
}

/// The metric an alarm watches, or those its expression is made of.
fn metrics(alarm: &Value) -> Vec<&Value> {
    match alarm["Metrics"].as_array() {
        Some(queries) => queries.iter().filter_map(|query| query.get("MetricStat")?.get("Metric")).collect(),
        None => vec![alarm],
    }
}
