//! `template.yaml`, `samconfig.toml` and `carnet.toml` say the same, and what they name fits.

use carnet_federation::error::Kind;
use carnet_tests::repository;
use carnet_tests::template::{Deployed, Target, Template};
use carnet_trust::aws::Policy;
use carnet_trust::config::{Config, Place, ProviderKind};
use carnet_trust::derive::{Deployment, MAX_ROLE_NAME};
use carnet_trust::entra::MAX_CREDENTIALS;
use carnet_trust::google::MAX_SUBJECT_BYTES;
use carnet_trust::render::parameters::FUNCTIONS;
use carnet_trust::render::{self, Plan, plan};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const BOTH: [ProviderKind; 2] = [ProviderKind::Oidc, ProviderKind::Aws];
/// Two that a stack is likely in; the second's name is as long as any region's is.
const REGIONS: [&str; 2] = ["eu-central-1", "ap-southeast-2"];

/// A function of the configuration, as the template calls it.
fn logical(function: &str) -> &'static str {
    match function {
        "blob-api" => "BlobApi",
        "gcs-api" => "GcsApi",
        "sync-plan" => "SyncPlan",
        "sync-copy" => "SyncCopy",
        "sync-commit" => "SyncCommit",
        "ingest-object" => "IngestObject",
        "secret-sync" => "SecretSync",
        other => panic!("{other} is not in the template"),
    }
}

fn example() -> Config {
    let text = std::fs::read_to_string(repository().join("carnet.toml")).expect("carnet.toml");
    Config::parse(&text).unwrap_or_else(|faults| panic!("carnet.toml: {faults:?}"))
}

/// The example in which Google takes proofs of that kind only.
fn with_proof(kind: ProviderKind) -> Config {
    let mut config = example();
    let google = config.google.as_mut().expect("[google]");
    let provider = google.providers.iter().find(|(_, provider)| provider.kind == kind);
    let name = provider.expect("a provider of each kind").0.clone();
    let principals = config.functions.values_mut().chain(config.instances.values_mut());
    for principal in principals.filter(|principal| principal.google_provider.is_some()) {
        principal.google_provider = Some(name.clone());
    }
    config
}

/// The example without stages: `[aws]` alone.
fn only_aws() -> Config {
    Config { stages: BTreeMap::new(), ..example() }
}

/// The parameters that are rendered for a stage.
fn rendered(config: &Config, stage: &str) -> BTreeMap<String, String> {
    let documents = render::render(config, render::Kind::Parameters).expect("written");
    let path = format!("parameters/{stage}.yaml");
    let document = documents.into_iter().find(|document| document.path == path).expect(&path);
    carnet_tests::template::parameters(&document.text)
}

fn deploy(config: &Config, more: &[(&str, &str)]) -> Deployed {
    let parameters = rendered(config, &config.aws.stack);
    let parameters = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    deploy_with(config, &parameters.chain(more.iter().copied()).collect::<Vec<_>>())
}

fn deploy_with(config: &Config, parameters: &[(&str, &str)]) -> Deployed {
    let aws = &config.aws;
    let target = Target { stack: &aws.stack, region: &aws.region, account: &aws.account, parameters };
    Template::load().deploy(&target)
}

/// A stage in a region, as `sam deploy` makes it from what is rendered.
fn deploy_stage(config: &Config, deployment: &Deployment) -> Deployed {
    let parameters = rendered(config, deployment.stage.as_ref().expect("a stage"));
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    deploy_with(&deployment.config, &parameters)
}

/// Each function of each stage in each region, deployed, with what the far sides were told of it.
fn each_function(kind: ProviderKind, check: impl Fn(&Deployment, &str, &Deployed, &Plan)) {
    let config = with_proof(kind);
    let plan = Plan::of(&config);
    let mut count = 0;
    for deployment in config.deployments() {
        let deployed = deploy_stage(&config, &deployment);
        assert_eq!(deployed.refusals, Vec::<String>::new());
        for function in config.functions.keys() {
            check(&deployment, function, &deployed, &plan);
            count += 1;
        }
    }
    assert_eq!(count, 28, "seven functions, in three stages, one of them in two regions");
}

#[test]
fn roles_and_what_they_may_mint_are_those_that_were_rendered() {
    for kind in BOTH {
        each_function(kind, |deployment, function, deployed, plan| {
            let role = format!("{}Role", logical(function));
            let name = deployed.properties(&role)["RoleName"].as_str().expect("a name");
            let rendered = &plan.accounts[&deployment.config.aws.account].roles[name];
            assert_eq!(rendered.made_by, plan::MadeBy::Template);
            assert_eq!(rendered.principal, function);
            assert_eq!(rendered.arn, deployed.outputs[&format!("{role}Arn")]["Value"]);
            assert_eq!(rendered.arn, deployed.properties(logical(function))["Role"]);
            let minting = deployed.policies(&role).into_iter().find(mints);
            let conditions = |policy: &Policy| policy.statement.0[0].condition.clone();
            let meant = rendered.mint_policy.as_ref().map(conditions);
            assert_eq!(minting.as_ref().map(conditions), meant, "{name}, {kind:?}");
        });
    }
}

fn mints(policy: &Policy) -> bool {
    policy.statement.0.iter().any(|statement| statement.action.0 == ["sts:GetWebIdentityToken"])
}

#[test]
fn entra_trusts_the_subject_and_audience_that_each_function_presents() {
    each_function(ProviderKind::Oidc, |deployment, function, deployed, plan| {
        if !["blob-api", "secret-sync"].contains(&function) {
            return;
        }
        let subject = &deployed.outputs[&format!("{}RoleArn", logical(function))]["Value"];
        let variables = &deployed.properties(logical(function))["Environment"]["Variables"];
        let azure = plan.azure.as_ref().expect("azure");
        let identities: Vec<_> = azure
            .identities
            .values()
            .filter(|identity| identity.credentials.iter().any(|credential| credential.subject == *subject))
            .collect();
        let [identity] = identities[..] else { panic!("{subject} is {} identities", identities.len()) };
        assert_eq!(identity.client_id, variables["AZURE_CLIENT_ID"]);
        assert_eq!(azure.tenant_id, variables["AZURE_TENANT_ID"]);
        assert_eq!(azure.audience, variables["CARNET_AZURE_AUDIENCE"]);
        let of_role = identity.credentials.iter().filter(|credential| credential.subject == *subject);
        let accounts: Vec<_> = of_role.map(|credential| &credential.account).collect();
        assert_eq!(accounts, [&deployment.config.aws.account], "one credential, with this account's issuer");
        for container in containers(&deployment.config, function) {
            assert!(identity.containers.contains(&container), "{container:?}");
        }
        let secret = plan::VaultSecret { vault: "carnet-demo".into(), secret: "db-password".into() };
        assert_eq!(identity.secrets.contains(&secret), function == "secret-sync");
    });
}

fn containers(config: &Config, function: &str) -> Vec<plan::Container> {
    let places = config.functions[function].reads.iter().map(|name| &config.places[name]);
    let container = |place: &Place| match place {
        Place::Azure { account, container, .. } => {
            Some(plan::Container { account: account.clone(), container: container.clone() })
        }
        Place::Google { .. } => None,
    };
    places.filter_map(container).collect()
}

#[test]
fn google_lets_in_what_each_function_presents_and_lets_it_read() {
    for kind in BOTH {
        each_function(kind, |deployment, function, deployed, plan| {
            if function == "blob-api" {
                return;
            }
            let variables = &deployed.properties(logical(function))["Environment"]["Variables"];
            let google = plan.google.as_ref().expect("google");
            let audience = variables["CARNET_GOOGLE_AUDIENCE"].as_str().expect("an audience");
            let (pool, id) = audience.rsplit_once("/providers/").expect("a provider");
            assert_eq!(pool, format!("//iam.googleapis.com/{}", google.pool_name));
            assert_eq!(google.providers[id].kind, kind);
            assert_eq!(google.providers[id].account, deployment.config.aws.account);

            let output = format!("{}RoleArn", logical(function));
            let role = deployed.outputs[&output]["Value"].as_str().expect("an ARN");
            let subject = match kind {
                ProviderKind::Oidc => role.to_owned(),
                ProviderKind::Aws => {
                    let name = role.rsplit_once('/').expect("a role").1;
                    format!("{}:{name}", deployment.config.aws.account)
                }
            };
            assert!(subject.len() <= MAX_SUBJECT_BYTES);
            let member = format!("principal://iam.googleapis.com/{}/subject/{subject}", google.pool_name);
            let granted = match function {
                "secret-sync" => &google.secrets["projects/carnet-demo/secrets/api-key"],
                _ => &google.buckets["carnet-demo-archive"],
            };
            assert!(granted.contains(&member), "{member}: {granted:?}");
        });
    }
}

#[test]
fn functions_are_given_what_the_configuration_says_of_them() {
    for kind in BOTH {
        each_function(kind, |deployment, function, deployed, _| {
            let variables = &deployed.properties(logical(function))["Environment"]["Variables"];
            let bucket = format!("{}-syncbucket", deployment.config.aws.stack);
            let told = deployment.config.function_environment(function, Some(&bucket));
            assert!(told.len() >= 3, "{told:?}");
            for (name, value) in told {
                assert_eq!(variables[&name], value, "{function}: {name}");
            }
            assert_eq!(
                deployed.properties(logical(function))["FunctionName"],
                deployment.function_name(function)
            );
        });
    }
}

#[test]
fn sam_deploys_each_stage_of_the_configuration_with_what_is_rendered_for_it() {
    let text = std::fs::read_to_string(repository().join("samconfig.toml")).expect("samconfig.toml");
    let sam: toml::Table = text.parse().expect("TOML");
    let config = example();
    let stages = sam.iter().filter_map(|(name, stage)| Some((name, stage.get("deploy")?.get("parameters")?)));
    let stages: BTreeMap<_, _> = stages.collect();
    assert!(stages.keys().copied().eq(config.stages.keys()), "{:?}", stages.keys());
    for (name, parameters) in stages {
        let stage = &config.stages[name];
        assert_eq!(parameters["stack_name"].as_str(), Some(stage.stack.as_str()));
        assert_eq!(parameters["region"].as_str(), Some(stage.regions[0].as_str()));
        let overrides = parameters["parameter_overrides"].as_array().expect("a list");
        assert_eq!(overrides[0].as_str(), Some(format!("file://infra/parameters/{name}.yaml").as_str()));
    }
}

#[test]
fn names_of_every_stage_and_region_fit() {
    for kind in BOTH {
        let mut config = with_proof(kind);
        for stage in config.stages.values_mut() {
            stage.regions = REGIONS.map(str::to_owned).to_vec();
        }
        let mut roles = BTreeSet::new();
        for deployment in config.deployments() {
            for (name, _) in config.principals() {
                let role = deployment.config.role_name(name);
                assert!(role.len() <= MAX_ROLE_NAME, "{role}");
                roles.insert(role);
                let identity = deployment.google_identity(name).map(|identity| identity.expect("let in"));
                assert!(identity.is_none_or(|identity| identity.subject.len() <= MAX_SUBJECT_BYTES));
            }
        }
        assert_eq!(config.stages.len(), 3);
        let principals = config.principals().count();
        assert_eq!(roles.len(), principals * REGIONS.len() * 3, "no two share a name: {roles:?}");
        let plan = Plan::of(&config);
        for (name, identity) in &plan.azure.expect("azure").identities {
            assert!(identity.credentials.len() <= MAX_CREDENTIALS, "{name}");
            let users = if name == "secret-reader" { 1 } else { 2 };
            assert_eq!(identity.credentials.len(), users * REGIONS.len() * 3, "a function, and an instance");
        }
    }
}

/// The template's head says so.
#[test]
fn thirty_five_characters_are_left_for_the_stack() {
    let mut config = only_aws();
    config.aws.region = REGIONS[1].to_owned();
    let roles = |config: &Config| -> Vec<String> {
        let deployed = deploy(config, &[("EventsAudiences", "a"), ("EventsSubjects", "s")]);
        let names =
            deployed.of_type("AWS::IAM::Role").map(|(_, role)| role["RoleName"].as_str().map(str::to_owned));
        names.collect::<Option<_>>().expect("each has a name of its own")
    };
    config.aws.stack = "s".repeat(35);
    for role in roles(&config) {
        assert!(role.len() <= MAX_ROLE_NAME, "{role}");
    }
    for function in config.functions.keys() {
        let identity = config.google_identity(function).map(|identity| identity.expect("let in"));
        assert!(identity.is_none_or(|identity| identity.subject.len() <= MAX_SUBJECT_BYTES));
    }
    config.aws.stack.push('s');
    assert!(roles(&config).iter().any(|role| role.len() > MAX_ROLE_NAME));
}

#[test]
fn each_part_stands_alone_and_half_a_part_is_refused() {
    let config = only_aws();
    let given = rendered(&config, "carnet");
    let only = |part: usize| -> Vec<(&str, &str)> {
        let names: Vec<&str> = FUNCTIONS[part].parameters.iter().map(|(_, parameter)| *parameter).collect();
        given
            .iter()
            .filter(|(name, _)| names.contains(&name.as_str()))
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect()
    };
    /// How the names of a part's resources begin.
    const PARTS: [&[&str]; 4] =
        [&["BlobApi"], &["GcsApi"], &["Sync", "Ingest", "Event", "Inbox"], &["Secret"]];
    for (here, path) in [Some("/azure/"), Some("/gcs/"), None, None].into_iter().enumerate() {
        let mut parameters = only(here);
        let arns = given["SecretArns"].as_str();
        parameters.extend((here == 3).then_some(("SecretArns", arns)));
        let deployed = deploy_with(&config, &parameters);
        assert_eq!(deployed.refusals, Vec::<String>::new());
        let mut absent =
            PARTS.iter().enumerate().filter(|(part, _)| *part != here).flat_map(|(_, part)| *part);
        let mut names = deployed.resources.keys().chain(deployed.outputs.keys());
        assert!(names.all(|name| !absent.any(|other| name.starts_with(other))));
        let Some(path) = path else {
            assert!(!deployed.resources.contains_key("Api"), "an API without methods is refused");
            continue;
        };
        let paths = deployed.properties("Api")["DefinitionBody"]["paths"].as_object().expect("paths");
        assert_eq!(paths.len(), 2);
        assert!(paths.keys().all(|name| name.starts_with(path)), "{paths:?}");
    }
    let refused = |parameters: &[(&str, &str)]| deploy_with(&config, parameters).refusals;
    assert_eq!(refused(&[]), ["Give Places, GooglePlaces, SyncSource or Secrets, or several"]);
    assert_eq!(refused(&[("Places", "a=azure://b/c")]), ["Places need TenantId and ClientId"]);
    assert_eq!(refused(&[("GooglePlaces", "a=gs://b")]), ["GooglePlaces need GoogleAudience"]);
    let whole_sync = ["SyncSource needs TenantId and SyncClientId, or SyncGoogleAudience"];
    assert_eq!(refused(&[("SyncSource", "gs://b")]), whole_sync);
    assert_eq!(refused(&[("SyncSource", "azure://b/c"), ("TenantId", "t")]), whole_sync);
    let pair = ("Secrets", "keyvault://abc/b=secretsmanager://c");
    let both =
        ["Secrets need TenantId and SecretsClientId, or SecretsGoogleAudience", "Secrets need SecretArns"];
    assert_eq!(refused(&[pair]), both);
    let mut door_alone = only(1);
    door_alone.extend([("EventsAudiences", "a"), ("EventsSubjects", "s")]);
    assert_eq!(refused(&door_alone), ["EventsAudiences need SyncSource and EventsSubjects"]);
    let mut subnet_alone = only(0);
    subnet_alone.push(("SubnetIds", "subnet-0a"));
    assert_eq!(refused(&subnet_alone), ["SubnetIds and SecurityGroupIds go together"]);
}

#[test]
fn every_method_is_signed_streamed_and_of_the_right_function() {
    let deployed = deploy(&only_aws(), &[]);
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
    let config = only_aws();
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
    let door = [("EventsAudiences", "a"), ("EventsSubjects", "s")];
    let (bare, full) = (deploy(&config, &door), deploy(&config, &[&door[..], &asked].concat()));
    let check = |kind: &str, count: usize, property: &str, expected: Value| {
        let found: Vec<_> = full.of_type(kind).collect();
        assert_eq!(found.len(), count, "{kind}");
        for (name, properties) in found {
            assert_eq!(properties[property], expected, "{name}: {property}");
            assert_ne!(bare.properties(name)[property], expected, "{name}: {property} is there unasked");
        }
    };
    // Of eight functions, the state machine and two schedules.
    check("AWS::IAM::Role", 11, "PermissionsBoundary", boundary.into());
    // Of eight functions, the state machine and the API.
    check("AWS::Logs::LogGroup", 10, "KmsKeyId", key.into());
    check("AWS::Logs::LogGroup", 10, "RetentionInDays", "365".into());
    check("AWS::Serverless::Function", 8, "KmsKeyArn", key.into());
    check("AWS::Serverless::Function", 8, "Tracing", "Active".into());
    let traced = serde_json::json!({ "Enabled": true });
    check("AWS::StepFunctions::StateMachine", 1, "TracingConfiguration", traced);
    let network =
        serde_json::json!({ "SubnetIds": ["subnet-0a", "subnet-0b"], "SecurityGroupIds": ["sg-0a"] });
    check("AWS::Serverless::Function", 8, "VpcConfig", network);
    check("AWS::CloudWatch::Alarm", 23, "AlarmActions", serde_json::json!([topic]));
    check("AWS::Serverless::Api", 1, "TracingEnabled", true.into());
}

#[test]
fn the_access_log_is_json_and_says_nothing_that_a_header_or_query_does() {
    let deployed = deploy(&only_aws(), &[]);
    let format = deployed.properties("Api")["AccessLogSetting"]["Format"].as_str().expect("a format");
    let line: BTreeMap<String, String> = serde_json::from_str(format).expect("JSON");
    for (name, variable) in line {
        assert!(variable.starts_with("$context."), "{name}: {variable}");
        for secret in ["header", "query", "body", "accessKey", "authorizer"] {
            assert!(!variable.contains(secret), "{name}: {variable}");
        }
    }
    let off = deploy(&only_aws(), &[("AccessLog", "off")]);
    assert!(off.properties("Api").get("AccessLogSetting").is_none());
    assert!(!off.resources.contains_key("ApiLog"));
}

#[test]
fn alarms_watch_metrics_that_exist_and_name_rows_that_exist() {
    let deployed = deploy(&only_aws(), &[("EventsAudiences", "a"), ("EventsSubjects", "s")]);
    let page = std::fs::read_to_string(repository().join("docs/troubleshooting.md")).expect("the page");
    let anchors: BTreeSet<String> = page
        .lines()
        .filter_map(|line| Some(line.strip_prefix('#')?.trim_start_matches('#').trim()))
        .map(|title| {
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect();
    let mut ours: BTreeSet<String> = [Kind::Refused, Kind::Forbidden, Kind::NotConfigured, Kind::Throttled]
        .map(|kind| format!("Errors.{kind}"))
        .into();
    ours.insert("SyncRuns".to_owned());
    let functions: Vec<&str> = deployed
        .of_type("AWS::Serverless::Function")
        .filter_map(|(_, function)| function["FunctionName"].as_str())
        .collect();
    let mut watched = BTreeSet::new();
    for (name, alarm) in deployed.of_type("AWS::CloudWatch::Alarm") {
        let description = alarm["AlarmDescription"].as_str().expect("a description");
        let (_, anchor) = description.rsplit_once("docs/troubleshooting.md#").expect("a link to a row");
        assert!(anchors.contains(anchor), "{name}: there is no row {anchor}");
        for metric in metrics(alarm) {
            if metric["Namespace"] == "Carnet" {
                let function = metric["Dimensions"][0]["Value"].as_str().expect("a function");
                assert_eq!(metric["Dimensions"][0]["Name"], "Function");
                assert!(functions.contains(&function), "{function}");
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
