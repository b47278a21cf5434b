//! `carnet.toml`: what follows from it, and that everything wrong is said at once.

use carnet_trust::aws::{Decision, Request, evaluate};
use carnet_trust::config::{AzureCloud, Config, Place, Sync};

const EXAMPLE: &str = include_str!("../../../carnet.toml");
const ISSUER: &str = "https://6f9d.tokens.sts.global.api.aws";

fn example() -> Config {
    Config::parse(EXAMPLE).expect("the example at the root is valid")
}

/// Several stages have limits of their own: see `stages.rs`.
fn without_stages() -> String {
    let (start, end) = (EXAMPLE.find("[stages.").expect("stages"), EXAMPLE.find("[azure]").expect("[azure]"));
    format!("{}{}", &EXAMPLE[..start], &EXAMPLE[end..])
}

/// The example with one text replaced, and what is then wrong: (line, field).
fn faults(from: &str, to: &str) -> Vec<(usize, String)> {
    assert!(EXAMPLE.contains(from), "the example has no `{from}`");
    let faults = Config::parse(&EXAMPLE.replacen(from, to, 1)).expect_err(to);
    for fault in &faults {
        assert!(!fault.problem.is_empty() && !fault.fix.is_empty(), "{fault}");
    }
    faults.into_iter().map(|fault| (fault.line, fault.field)).collect()
}

fn line(text: &str) -> usize {
    EXAMPLE.lines().position(|line| line.contains(text)).expect(text) + 1
}

#[test]
fn the_example_says_who_goes_where() {
    let config = example();
    assert_eq!(config.role_name("blob-api"), "carnet-eu-central-1-blob-api");
    assert_eq!(config.role_arn("blob-api"), "arn:aws:iam::123456789012:role/carnet-eu-central-1-blob-api");
    let credentials = &config.federated_credentials(ISSUER)["asset-reader"];
    let subjects: Vec<_> = credentials.iter().map(|c| c.subject.clone()).collect();
    assert_eq!(subjects, [config.role_arn("blob-api"), config.role_arn("operator")]);
    assert!(credentials.iter().all(|c| c.issuer == ISSUER && c.audiences == ["api://AzureADTokenExchange"]));
    assert_eq!(carnet_trust::entra::validate(credentials), []);
    let readers = config.readers();
    let readers = &readers[&("carnetdemo".to_owned(), "assets".to_owned())];
    assert_eq!(readers.iter().collect::<Vec<_>>(), ["asset-reader"]);
}

#[test]
fn the_mint_policy_allows_the_one_mint_and_no_other() {
    let config = example();
    let policies = [config.mint_policy(&config.functions["blob-api"]).expect("it mints")];
    let mint = |audiences: &[&str], seconds: &str, algorithm: &str| {
        let request = Request::new("sts:GetWebIdentityToken", "*")
            .with("sts:IdentityTokenAudience", audiences.iter().copied())
            .with("sts:DurationSeconds", [seconds])
            .with("sts:SigningAlgorithm", [algorithm]);
        evaluate(&policies, &request) == Decision::Allowed
    };
    let ours = "api://AzureADTokenExchange";
    assert!(mint(&[ours], "300", "RS256"));
    assert!(!mint(&[ours], "301", "RS256"));
    assert!(!mint(&[ours], "300", "ES384"));
    assert!(!mint(&[ours, "https://evil.example"], "300", "RS256"));
    assert!(!mint(&["https://evil.example"], "300", "RS256"));
    assert!(!mint(&[], "300", "RS256"));
    let tagging = Request::new("sts:TagGetWebIdentityToken", "*");
    assert_ne!(evaluate(&policies, &tagging), Decision::Allowed);
}

#[test]
fn clouds_and_partitions_have_their_own_names() {
    let gov = Config::parse(
        &without_stages().replace("\"public\"", "\"usgovernment\"").replace("eu-central-1", "us-gov-west-1"),
    )
    .unwrap();
    assert_eq!(gov.azure.as_ref().unwrap().cloud, AzureCloud::UsGovernment);
    assert!(gov.role_arn("operator").starts_with("arn:aws-us-gov:iam::"));
    let credentials = gov.federated_credentials(ISSUER);
    assert_eq!(credentials["asset-reader"][0].audiences, ["api://AzureADTokenExchangeUSGov"]);
}

#[test]
fn places_are_urls() {
    let with = |url: &str| {
        Config::parse(&EXAMPLE.replace("azure://carnetdemo/assets", url))
            .map(|config| config.places["assets"].clone())
    };
    let place = with("azure://carnetdemo/assets/in/2026/").unwrap();
    assert_eq!(
        place,
        Place::Azure { account: "carnetdemo".into(), container: "assets".into(), prefix: "in/2026".into() }
    );
    assert_eq!(place.to_string(), "azure://carnetdemo/assets/in/2026");
    for wrong in [
        "s3://carnetdemo/assets",
        "azure://carnetdemo",
        "azure://Carnet/assets",
        "azure://carnetdemo/a",
        "azure://carnetdemo/-assets",
        "azure://carnetdemo@evil/assets",
        "azure://carnetdemo/assets/../other",
    ] {
        let faults = with(wrong).expect_err(wrong);
        assert!(faults.iter().any(|fault| fault.field == "places.assets.url"), "{wrong}: {faults:?}");
    }
}

#[test]
fn a_fault_names_its_line_and_field() {
    let rows = [
        ("account = \"123456789012\"", "account = \"12345\"", "aws.account"),
        ("account = \"123456789012\"", "account = 123456789012", "aws.account"),
        ("region = \"eu-central-1\"", "region = \"Frankfurt\"", "aws.region"),
        ("stack = \"carnet\"", "stack = \"my stack\"", "aws.stack"),
        ("tenant_id = \"1", "tenant_id = \"x", "azure.tenant_id"),
        ("cloud = \"public\"", "cloud = \"private\"", "azure.cloud"),
        ("client_id = \"a", "client_id = \"z", "azure.identities.asset-reader.client_id"),
        ("url = \"azure://carnetdemo/assets\"", "url = \"azure://x\"", "places.assets.url"),
        ("reads = [\"assets\"]", "reads = [\"asset\"]", "functions.blob-api.reads"),
        ("reads = [\"assets\"]", "reads = \"assets\"", "functions.blob-api.reads"),
        (
            "azure_identity = \"asset-reader\"",
            "azure_identity = \"reader\"",
            "functions.blob-api.azure_identity",
        ),
        ("cloud = \"public\"", "clowd = \"public\"", "azure.clowd"),
    ];
    for (from, to, field) in rows {
        let found = faults(from, to);
        assert!(found.contains(&(line(from), field.to_owned())), "{to}: {found:?}");
    }
}

#[test]
fn missing_sections_and_keys_are_faults() {
    assert!(faults("account = \"123456789012\"\n", "").contains(&(line("[aws]"), "aws.account".into())));
    let all = Config::parse("").unwrap_err();
    let fields: Vec<_> = all.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, ["aws"], "no cloud must be gone to");
    let reader = "azure_identity = \"asset-reader\"\n";
    assert!(faults(reader, "").iter().any(|(_, field)| field == "functions.blob-api.azure_identity"));
    let provider = "google_provider = \"aws-tokens\"\n";
    assert!(faults(provider, "").iter().any(|(_, field)| field == "functions.gcs-api.google_provider"));
}

#[test]
fn the_example_says_whom_google_lets_in_and_where() {
    let config = example();
    let google = config.google.as_ref().unwrap();
    let pool = "projects/210987654321/locations/global/workloadIdentityPools/carnet";
    assert_eq!(google.audience("aws-tokens"), format!("//iam.googleapis.com/{pool}/providers/aws-tokens"));
    let member =
        |name: &str| format!("principal://iam.googleapis.com/{pool}/subject/{}", config.role_arn(name));
    let account = "archive-reader@carnet-demo.iam.gserviceaccount.com";
    let grants = config.google_grants();
    let functions = ["gcs-api", "sync-plan", "sync-copy", "sync-commit", "ingest-object"].map(member);
    let readers = functions.into_iter().chain([format!("serviceAccount:{account}")]).collect();
    assert_eq!(grants.buckets["carnet-demo-archive"], readers);
    assert_eq!(grants.service_accounts[account], [member("operator")].into());
    assert_eq!(config.proof_audiences(&config.functions["gcs-api"]), [google.audience("aws-tokens")]);
    let both = config.proof_audiences(&config.instances["operator"]);
    assert_eq!(both, ["api://AzureADTokenExchange".to_owned(), google.audience("aws-tokens")]);
}

#[test]
fn the_aws_provider_knows_roles_by_name_and_takes_no_outbound_token() {
    let text = EXAMPLE.replace(
        "reads = [\"archive\"]\ngoogle_provider = \"aws-tokens\"",
        "reads = [\"archive\"]\ngoogle_provider = \"aws-roles\"",
    );
    let config = Config::parse(&text).unwrap();
    let gcs_api = &config.functions["gcs-api"];
    let identity = config.google_identity("gcs-api").unwrap().unwrap();
    assert_eq!(identity.subject, "123456789012:carnet-eu-central-1-gcs-api");
    assert!(config.mint_policy(gcs_api).is_none() && config.proof_audiences(gcs_api).is_empty());
}

#[test]
fn faults_of_googles_half_name_their_line_and_field() {
    let oidc = "type = \"oidc\"";
    let rows = [
        ("project_number = \"2", "project_number = \"my-project-2", "google.project_number"),
        ("pool = \"carnet\"", "pool = \"gcp-carnet\"", "google.pool"),
        (oidc, "type = \"saml\"", "google.providers.aws-tokens.type"),
        (
            "email = \"archive-reader@",
            "email = \"archive-reader",
            "google.service_accounts.archive-reader.email",
        ),
        ("url = \"gs://carnet-demo-archive\"", "url = \"gs://Archive\"", "places.archive.url"),
        ("carnet-demo-archive = \"", "carnet-demo-other = \"", "local.buckets.carnet-demo-other"),
        (
            "google_service_account = \"archive-reader\"",
            "google_service_account = \"writer\"",
            "instances.operator.google_service_account",
        ),
    ];
    for (from, to, field) in rows {
        let found = faults(from, to);
        assert!(found.contains(&(line(from), field.to_owned())), "{to}: {found:?}");
    }
    // What Google would refuse, and what it would accept and then let nobody in by.
    let provider = line("[google.providers.aws-tokens]");
    for (mapping, field) in [
        ("condition = \"no_such_function(assertion.sub)\"", "google.providers.aws-tokens"),
        ("mapping = { \"attribute.role\" = \"assertion.sub\" }", "google.providers.aws-tokens"),
    ] {
        let found = faults(oidc, &format!("{oidc}\n{mapping}"));
        let named = |(at, name): &(usize, String)| *at == provider && name.starts_with(field);
        assert!(found.iter().any(named), "{mapping}: {found:?}");
    }
    for mapping in [
        "condition = \"assertion.sub == 'another'\"",
        "mapping = { \"google.subject\" = \"assertion.sub + assertion.sub + assertion.sub\" }",
    ] {
        let found = faults(oidc, &format!("{oidc}\n{mapping}"));
        let named = |(_, name): &(usize, String)| name == "functions.gcs-api.google_provider";
        assert!(found.iter().any(named), "{mapping}: {found:?}");
    }
}

#[test]
fn everything_wrong_is_said_at_once_in_the_order_of_lines() {
    let text = EXAMPLE
        .replace("account = \"123456789012\"", "account = \"1\"")
        .replace("cloud = \"public\"", "cloud = \"moon\"")
        .replace("[functions.blob-api]\nreads = [\"assets\"]", "[functions.blob-api]\nreads = [\"nowhere\"]")
        .replace("[local.containers]", "[local.containers]\n\"other/box\" = \"x\"");
    let faults = Config::parse(&text).unwrap_err();
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(
        fields,
        ["aws.account", "azure.cloud", "functions.blob-api.reads", "local.containers.other/box"]
    );
}

#[test]
fn a_role_name_over_64_characters_is_a_fault() {
    let long = "f".repeat(64 - "carnet-eu-central-1-".len());
    let named = |name: &str| {
        without_stages()
            .replace("[functions.blob-api]", &format!("[functions.{name}]"))
            .replace("blob-api = ", &format!("{name} = "))
    };
    assert!(Config::parse(&named(&long)).is_ok());
    let faults = Config::parse(&named(&format!("{long}f"))).unwrap_err();
    assert!(faults[0].problem.contains("65 characters"), "{}", faults[0]);
}

#[test]
fn the_twenty_first_user_of_an_identity_is_a_fault() {
    let mut text = without_stages();
    for n in 0..18 {
        text.push_str(&format!("\n[instances.i{n}]\nazure_identity = \"asset-reader\"\n"));
    }
    let text = text.replace("[local.containers]", "[ignored]").split("[ignored]").next().unwrap().to_owned()
        + text.split("\"examples/assets\"").nth(1).unwrap();
    assert!(Config::parse(&text).is_ok(), "twenty are fine: {:?}", Config::parse(&text));
    let more = format!("{text}\n[instances.one-more]\nazure_identity = \"asset-reader\"\n");
    let faults = Config::parse(&more).unwrap_err();
    assert!(
        faults[0].field.ends_with(".azure_identity") && faults[0].problem.contains("20"),
        "{}",
        faults[0]
    );
}

#[test]
fn a_function_and_an_instance_cannot_share_a_name() {
    let faults = faults("[instances.operator]", "[instances.blob-api]");
    assert_eq!(faults, [(line("[instances.operator]"), "instances.blob-api".to_owned())]);
}

#[test]
fn the_sync_is_stated_once_and_each_of_its_functions_reads_as_it_says() {
    let config = example();
    let sync = config.sync.as_ref().expect("[sync]");
    assert_eq!((sync.from.as_str(), sync.to.as_str()), ("archive", "archive"));
    for name in Sync::FUNCTIONS {
        let principal = &config.functions[name];
        assert_eq!(principal.reads, ["archive"], "{name}");
        assert_eq!(config.proof_audiences(principal).len(), 1, "{name}");
        let told = config.function_environment(name, Some("bucket"));
        assert_eq!(told["CARNET_SYNC_SOURCE"], "gs://carnet-demo-archive");
        assert_eq!(told["CARNET_SYNC_DESTINATION"], "s3://bucket/archive");
        assert!(!told.contains_key("CARNET_PLACES"), "{name} is told one pair");
    }
    let defaults = Config::parse(&EXAMPLE.replace("to = \"archive\"\n", "")).unwrap();
    assert_eq!(defaults.sync.expect("[sync]").to, "copies");
}

#[test]
fn what_is_wrong_with_the_sync_is_said_once_where_it_stands() {
    let rows = [
        ("from = \"archive\"\n", "", vec![("[sync]", "sync.from")]),
        ("from = \"archive\"", "from = \"nowhere\"", vec![("from = ", "sync.from")]),
        ("from = \"archive\"", "from = \"assets\"", vec![("[sync]", "sync.azure_identity")]),
        ("to = \"archive\"", "to = \"/archive\"", vec![("to = ", "sync.to")]),
        ("to = \"archive\"", "to = \".carnet-inbox\"", vec![("to = ", "sync.to")]),
        ("to = \"archive\"", "delete = \"true\"", vec![("to = ", "sync.delete")]),
        (
            "[functions.gcs-api]",
            "[functions.sync-copy]",
            vec![("[functions.gcs-api]", "functions.sync-copy")],
        ),
    ];
    for (from, to, expected) in rows {
        let expected: Vec<_> = expected.iter().map(|(at, field)| (line(at), (*field).to_owned())).collect();
        let mut found = faults(from, to);
        found.retain(|(_, field)| !field.starts_with("local."));
        assert_eq!(found, expected, "{to}");
    }
}

#[test]
fn broken_toml_is_a_fault_with_a_line() {
    assert_eq!(faults("stack = \"carnet\"", "stack = \"carnet")[0].0, line("stack = "));
}
