//! Stages: what follows from several, and the limits over all of them.

use carnet_trust::config::{Config, Fault};

const EXAMPLE: &str = include_str!("../../../carnet.toml");
const STAGES: &str = "\
[stages.dev]
stack = \"carnet-dev\"
regions = [\"eu-central-1\", \"eu-west-1\"]

[stages.staging]
stack = \"carnet-staging\"
regions = [\"eu-central-1\", \"eu-west-1\"]

[stages.prod]
stack = \"carnet-prod\"
regions = [\"eu-central-1\", \"eu-west-1\"]
";

/// The example with these stages in place of its own.
fn with(stages: &str) -> String {
    let start = EXAMPLE.find("[stages.dev]").expect("its stages");
    let end = EXAMPLE.find("[azure]").expect("what follows them");
    format!("{}{stages}\n{}", &EXAMPLE[..start], &EXAMPLE[end..])
}

fn faults(text: &str) -> Vec<Fault> {
    let faults = Config::parse(text).expect_err(text);
    for fault in &faults {
        assert!(fault.line > 0 && !fault.problem.is_empty() && !fault.fix.is_empty(), "{fault}");
    }
    faults
}

fn fields(text: &str) -> Vec<String> {
    faults(text).into_iter().map(|fault| fault.field).collect()
}

#[test]
fn three_stages_in_two_regions_keep_to_every_limit() {
    let config = Config::parse(&with(STAGES)).unwrap();
    let deployments = config.deployments();
    assert_eq!(deployments.len(), 6);
    let mut roles = std::collections::BTreeSet::new();
    let mut credentials = Vec::new();
    for deployment in &deployments {
        for (name, principal) in deployment.config.principals() {
            let role = deployment.config.role_name(name);
            assert!(role.len() <= 64, "{role}");
            assert!(roles.insert(role));
            if principal.google_provider.is_some() {
                let subject = deployment.google_identity(name).unwrap().unwrap().subject;
                assert!(subject.len() <= 127, "{subject}");
            }
        }
        credentials.extend(
            deployment.config.federated_credentials("https://issuer.example")["asset-reader"].clone(),
        );
    }
    // Two functions of the API, four of the sync, that of the secrets, an instance; two share an identity.
    assert_eq!((roles.len(), credentials.len()), (48, 12));
    assert_eq!(carnet_trust::entra::validate(&credentials), []);
}

#[test]
fn without_stages_aws_is_the_only_one() {
    let config = Config::parse(&with("")).unwrap();
    let deployments = config.deployments();
    assert_eq!(deployments.len(), 1);
    assert_eq!((deployments[0].stage.as_ref(), &deployments[0].config), (None, &config));
}

#[test]
fn a_stage_takes_what_it_leaves_out_from_aws() {
    let text = with("[stages.dev]\nstack = \"carnet-dev\"\n\n[stages.prod]\nstack = \"carnet-prod\"\naccount = \"210987654321\"\n")
        .replace("# issuer", "issuer");
    let config = Config::parse(&text).unwrap();
    let (dev, prod) = (&config.stages["dev"], &config.stages["prod"]);
    assert_eq!(
        (&dev.account, &dev.issuer, &dev.regions[0]),
        (&config.aws.account, &config.aws.issuer, &config.aws.region)
    );
    assert_eq!(
        (prod.account.as_str(), &prod.issuer),
        ("210987654321", &None),
        "another account, another issuer"
    );
    let prod = config.with_stage("prod").unwrap().deployments().remove(0).config;
    assert_eq!(prod.role_arn("gcs-api"), "arn:aws:iam::210987654321:role/carnet-prod-eu-central-1-gcs-api");
    let audience = "//iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/providers/aws-tokens-210987654321";
    assert_eq!(prod.proof_audiences(&prod.functions["gcs-api"]), [audience]);
    assert!(config.with_stage("test").is_none());
}

#[test]
fn a_role_name_is_too_long_in_the_stage_and_region_where_it_is() {
    let long = format!("carnet-{}", "x".repeat(40));
    let found = faults(&with(&STAGES.replace("carnet-staging", &long)));
    let fields: Vec<&str> = found.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "functions.blob-api",
            "functions.gcs-api",
            "sync",
            "secrets",
            "instances.operator",
            "roles.azure-reports",
            "roles.github-release",
            "roles.google-etl",
            "roles.cluster-reader"
        ]
    );
    assert!(found[2].problem.contains("-ingest-object"), "the longest of its functions: {}", found[2]);
    assert!(found.iter().all(|fault| fault.fix.contains("stages.staging.stack")), "{found:?}");
    assert!(found[0].problem.contains("eu-central-1"), "the longest of its regions: {}", found[0]);
}

#[test]
fn twenty_credentials_are_counted_over_stages_and_regions() {
    let two_more = "[stages.e]\nstack = \"carnet-e\"\nregions = [\"eu-central-1\", \"eu-west-1\", \"eu-west-2\", \"eu-west-3\"]\n";
    assert!(Config::parse(&with(&format!("{STAGES}\n{two_more}"))).is_ok(), "two users in ten deployments");
    let eleven = two_more.replace("\"eu-west-3\"", "\"eu-west-3\", \"us-east-1\"");
    assert_eq!(fields(&with(&format!("{STAGES}\n{eleven}"))), ["instances.operator.azure_identity"]);
    // Four functions of a sync from Azure in six deployments: too many for any identity.
    let sync = "from = \"archive\"\nto = \"archive\"\ngoogle_provider = \"aws-tokens\"";
    let text = with(STAGES).replace(sync, "from = \"assets\"\nazure_identity = \"asset-reader\"");
    let found = faults(&text);
    assert_eq!(found[0].field, "sync.azure_identity");
    assert!(found[0].fix.contains("an identity of their own"), "{}", found[0]);
}

#[test]
fn what_is_wrong_with_stages_is_said_where_it_stands() {
    let rows = [
        ("stack = \"carnet-dev\"\n", "", "stages.dev.stack"),
        ("\"carnet-dev\"", "\"my stack\"", "stages.dev.stack"),
        ("\"carnet-prod\"", "\"carnet-dev\"", "stages.prod.stack"),
        ("[\"eu-central-1\", \"eu-west-1\"]", "[]", "stages.dev.regions"),
        ("[\"eu-central-1\", \"eu-west-1\"]", "[\"eu-west-1\", \"eu-west-1\"]", "stages.dev.regions"),
        ("[\"eu-central-1\", \"eu-west-1\"]", "[\"eu-west-1\", \"us-gov-west-1\"]", "stages.dev.regions"),
        ("[\"eu-central-1\", \"eu-west-1\"]", "[\"Ireland\"]", "stages.dev.regions"),
        ("stack = \"carnet-dev\"", "stack = \"carnet-dev\"\naccount = \"12\"", "stages.dev.account"),
        ("stack = \"carnet-dev\"", "stack = \"carnet-dev\"\nissuer = \"http://x\"", "stages.dev.issuer"),
        ("stack = \"carnet-dev\"", "stack = \"carnet-dev\"\nregion = \"eu-west-1\"", "stages.dev.region"),
    ];
    for (from, to, field) in rows {
        let found = fields(&with(&STAGES.replacen(from, to, 1)));
        assert!(found.contains(&field.to_owned()), "{to}: {found:?}");
    }
    assert_eq!(fields(&with("[stages]\n")), ["stages"]);
    let issuers = STAGES
        .replace("stack = \"carnet-dev\"", "stack = \"carnet-dev\"\nissuer = \"https://one.example\"")
        .replace("stack = \"carnet-prod\"", "stack = \"carnet-prod\"\nissuer = \"https://two.example\"");
    assert_eq!(fields(&with(&issuers)), ["stages.prod.issuer"]);
}

#[test]
fn in_lambda_the_session_counts_towards_googles_127_bytes() {
    let own = "mapping = { \"google.subject\" = \"assertion.arn\" }";
    let text = with(&STAGES.replace("carnet-staging", &format!("carnet-{}", "x".repeat(28))))
        .replace("google_provider = \"aws-tokens\"", "google_provider = \"aws-roles\"")
        .replace("type = \"aws\"\n# mapping", &format!("type = \"aws\"\n{own}\n# mapping"));
    let found = faults(&text);
    let field = "functions.gcs-api.google_provider";
    let fault = found.iter().find(|fault| fault.field == field).unwrap_or_else(|| panic!("{found:?}"));
    assert!(fault.problem.contains("127") && fault.problem.contains("stage staging"), "{fault}");
}
