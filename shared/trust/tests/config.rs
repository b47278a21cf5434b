//! `carnet.toml`: what follows from it, and that everything wrong is said at once.

use carnet_trust::aws::{Decision, Request, evaluate};
use carnet_trust::config::{AzureCloud, Config, Place};

const EXAMPLE: &str = include_str!("../../../carnet.toml");
const ISSUER: &str = "https://6f9d.tokens.sts.global.api.aws";

fn example() -> Config {
    Config::parse(EXAMPLE).expect("the example at the root is valid")
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
    let policies = [example().mint_policy()];
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
        &EXAMPLE.replace("\"public\"", "\"usgovernment\"").replace("eu-central-1", "us-gov-west-1"),
    )
    .unwrap();
    assert_eq!(gov.azure.cloud, AzureCloud::UsGovernment);
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
        Place { account: "carnetdemo".into(), container: "assets".into(), prefix: "in/2026".into() }
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
    assert_eq!(fields, ["aws", "azure"]);
    let reader = "azure_identity = \"asset-reader\"\n";
    assert!(faults(reader, "").iter().any(|(_, field)| field == "functions.blob-api.azure_identity"));
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
        EXAMPLE
            .replace("[functions.blob-api]", &format!("[functions.{name}]"))
            .replace("blob-api = ", &format!("{name} = "))
    };
    assert!(Config::parse(&named(&long)).is_ok());
    let faults = Config::parse(&named(&format!("{long}f"))).unwrap_err();
    assert!(faults[0].problem.contains("65 characters"), "{}", faults[0]);
}

#[test]
fn the_twenty_first_user_of_an_identity_is_a_fault() {
    let mut text = EXAMPLE.to_owned();
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
fn broken_toml_is_a_fault_with_a_line() {
    assert_eq!(faults("stack = \"carnet\"", "stack = \"carnet")[0].0, line("stack = "));
}
