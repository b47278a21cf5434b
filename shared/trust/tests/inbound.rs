//! `[roles]`: what is read, what is wrong, what follows, what is rendered.

use carnet_trust::aws::role_trust::{Presented, RoleTrust, check_creation, evaluate};
use carnet_trust::aws::{Decision, Policy, Request, evaluate as may};
use carnet_trust::config::Config;
use carnet_trust::render::{Kind, render};
use hcl::{Body, Expression};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const EXAMPLE: &str = include_str!("../../../carnet.toml");
const ACCOUNT: &str = "123456789012";
const TENANT: &str = "11111111-2222-4333-8444-555555555555";
const OBJECT: &str = "cccccccc-1111-4222-8333-444444444444";
const POOL: &str = "eu-central-1:22222222-1111-4222-8333-444444444444";

const HEAD: &str = r#"
[aws]
account = "123456789012"
region = "eu-central-1"
stack = "carnet"
"#;

/// One of each kind: its fields, and a token that is to be let in.
fn sources() -> Vec<(&'static str, String, Presented)> {
    let token = |issuer: &str, claims: Value| Presented {
        issuer: issuer.to_owned(),
        claims: claims.as_object().expect("claims").clone(),
    };
    vec![
        (
            "azure",
            format!("tenant_id = \"{TENANT}\"\napp_id_uri = \"api://carnet\"\nsubject = \"{OBJECT}\""),
            token(
                &format!("https://sts.windows.net/{TENANT}/"),
                json!({ "aud": "api://carnet", "sub": OBJECT }),
            ),
        ),
        (
            "google",
            "unique_id = \"112233\"\naudience = \"carnet\"".into(),
            token(
                "https://accounts.google.com",
                json!({ "aud": "carnet", "azp": "112233", "sub": "112233" }),
            ),
        ),
        (
            "github",
            "organization = \"acme\"\nrepository = \"app\"\nref = \"refs/heads/main\"".into(),
            token(
                "https://token.actions.githubusercontent.com",
                json!({ "aud": "sts.amazonaws.com", "sub": "repo:acme/app:ref:refs/heads/main" }),
            ),
        ),
        (
            "terraform",
            "organization = \"acme\"\nproject = \"Default Project\"\nworkspace = \"prod\"".into(),
            token(
                "https://app.terraform.io",
                json!({
                    "aud": "aws.workload.identity",
                    "sub": "organization:acme:project:Default Project:workspace:prod:run_phase:apply",
                }),
            ),
        ),
        (
            "cognito",
            format!("identity_pool = \"{POOL}\""),
            token(
                "https://cognito-identity.amazonaws.com",
                json!({ "aud": POOL, "sub": "x", "amr": ["authenticated", "login.acme"] }),
            ),
        ),
        (
            "amazon",
            "app_id = \"amzn1.app\"\nuser_id = \"amzn1.account\"".into(),
            token("https://www.amazon.com", json!({ "app_id": "amzn1.app", "user_id": "amzn1.account" })),
        ),
        (
            "facebook",
            "app_id = \"2012\"".into(),
            token("https://graph.facebook.com", json!({ "app_id": "2012", "id": "7" })),
        ),
        (
            "oidc",
            "issuer = \"https://gitlab.example\"\naudience = \"aws\"\nsubject = \"project_path:a/b\"".into(),
            token("https://gitlab.example", json!({ "aud": "aws", "sub": "project_path:a/b" })),
        ),
    ]
}

fn role(kind: &str, fields: &str) -> String {
    format!("{HEAD}\n[roles.reader]\nfrom = \"{kind}\"\n{fields}\nreads = [\"s3://data/reports\"]\n")
}

fn parsed(text: &str) -> Config {
    Config::parse(text).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"))
}

fn trust(config: &Config) -> RoleTrust {
    config.roles["reader"].from.trust(ACCOUNT, "aws")
}

#[test]
fn each_kind_lets_its_token_in_and_none_that_differs_in_one_claim() {
    for (kind, fields, token) in sources() {
        let config = parsed(&role(kind, &fields));
        let trust = trust(&config);
        assert_eq!(check_creation(&trust), [], "{kind}");
        assert_eq!(evaluate(&trust, ACCOUNT, "aws", &token), Ok(()), "{kind}");
        let written = serde_json::to_string(&trust).expect("JSON");
        assert!(!written.contains('*') && !written.contains("Like"), "{kind}: exact values only: {written}");
        // `sub` of Cognito and `id` of Facebook are not asked for here.
        let free = |name: &str| matches!((kind, name), ("cognito", "sub") | ("facebook", "id"));
        for name in token.claims.keys().filter(|name| !free(name)) {
            let mut other = token.clone();
            other.claims[name] = json!("another");
            assert!(evaluate(&trust, ACCOUNT, "aws", &other).is_err(), "{kind}: {name}");
        }
        let elsewhere = Presented { issuer: "https://evil.example".into(), ..token };
        assert!(evaluate(&trust, ACCOUNT, "aws", &elsewhere).is_err(), "{kind}");
    }
}

#[test]
fn subjects_are_built_as_their_issuers_build_them() {
    let subject = |kind: &str, fields: &str| {
        let conditions = parsed(&role(kind, fields)).roles["reader"].from.conditions();
        conditions.into_iter().find(|(_, claim, _)| *claim == "sub").expect("a subject").2
    };
    let acme = "organization = \"acme\"\nrepository = \"app\"\n";
    assert_eq!(
        subject("github", &format!("{acme}environment = \"production\"")),
        ["repo:acme/app:environment:production"]
    );
    let ids = "organization_id = \"123\"\nrepository_id = \"456\"\nref = \"refs/tags/v1\"";
    assert_eq!(subject("github", &format!("{acme}{ids}")), ["repo:acme@123/app@456:ref:refs/tags/v1"]);
    let terraform = "organization = \"a\"\nproject = \"p\"\nworkspace = \"w\"";
    assert_eq!(
        subject("terraform", terraform),
        [
            "organization:a:project:p:workspace:w:run_phase:plan",
            "organization:a:project:p:workspace:w:run_phase:apply"
        ]
    );
    assert_eq!(
        subject("terraform", &format!("{terraform}\nrun_phase = \"plan\"")),
        ["organization:a:project:p:workspace:w:run_phase:plan"]
    );
}

#[test]
fn an_azure_tenant_is_that_of_azure_unless_another_is_named() {
    let fields = format!("app_id_uri = \"api://carnet\"\nsubject = \"{OBJECT}\"");
    let own = format!("{}[azure]\ntenant_id = \"{TENANT}\"\n", role("azure", &fields));
    assert_eq!(parsed(&own).roles["reader"].from.issuer(), format!("https://sts.windows.net/{TENANT}/"));
    let faults = Config::parse(&role("azure", &fields)).expect_err("no tenant");
    assert_eq!(faults[0].field, "roles.reader.tenant_id");
}

/// Each row: the kind, its fields, the field at fault, a part of what is said.
#[test]
fn every_fault_has_its_field_and_a_fix() {
    let rows = [
        ("nobody", "", "from", "nobody known"),
        ("google", "unique_id = \"a@b\"\naudience = \"x\"", "unique_id", "not a numeric id"),
        ("google", "unique_id = \"1\"", "audience", "missing"),
        ("google", "unique_id = \"1\"\naudience = \"*\"", "audience", "not an exact value"),
        ("github", "organization = \"acme\"\nrepository = \"app\"", "ref", "missing"),
        (
            "github",
            "organization = \"acme\"\nrepository = \"app\"\nref = \"refs/heads/m\"\nenvironment = \"p\"",
            "ref",
            "beside",
        ),
        ("github", "organization = \"acme\"\nrepository = \"app\"\nref = \"main\"", "ref", "in full"),
        (
            "github",
            "organization = \"acme*\"\nrepository = \"app\"\nref = \"refs/heads/m\"",
            "organization",
            "exact",
        ),
        (
            "github",
            "organization = \"a\"\nrepository = \"b\"\nref = \"refs/heads/m\"\nrepository_id = \"1\"",
            "repository_id",
            "without the other",
        ),
        ("terraform", "organization = \"a\"\nproject = \"*\"\nworkspace = \"w\"", "project", "exact"),
        (
            "terraform",
            "organization = \"a\"\nproject = \"p\"\nworkspace = \"w\"\nrun_phase = \"destroy\"",
            "run_phase",
            "no phase",
        ),
        ("cognito", "identity_pool = \"pool\"", "identity_pool", "not an identity pool"),
        (
            "cognito",
            "identity_pool = \"eu-central-1:22222222-1111-4222-8333-444444444444\"\nlogin = \"guest\"",
            "login",
            "no kind",
        ),
        ("amazon", "", "app_id", "missing"),
        (
            "oidc",
            "issuer = \"http://a.example\"\naudience = \"a\"\nsubject = \"s\"",
            "issuer",
            "not an issuer",
        ),
        (
            "oidc",
            "issuer = \"https://a.example:8443\"\naudience = \"a\"\nsubject = \"s\"",
            "issuer",
            "not an issuer",
        ),
        ("oidc", "issuer = \"https://a.example\"\naudience = \"a\"\nsubject = \"s*\"", "subject", "exact"),
        ("facebook", "app_id = \"1\"\nfriends = \"all\"", "friends", "unknown"),
        ("facebook", "app_id = \"1\"\nmax_session_seconds = 900", "max_session_seconds", "not a number"),
        ("facebook", "app_id = \"1\"\nmax_session_seconds = \"3600\"", "max_session_seconds", "not a number"),
        (
            "facebook",
            "app_id = \"1\"\npermissions_boundary = \"boundary\"",
            "permissions_boundary",
            "not the ARN",
        ),
        ("facebook", "app_id = \"1\"\ntags = { \"aws:x\" = \"y\" }", "tags.aws:x", "not a tag"),
    ];
    for (kind, fields, field, said) in rows {
        let faults = Config::parse(&role(kind, fields)).expect_err(fields);
        let field = format!("roles.reader.{field}");
        let fault = faults.iter().find(|fault| fault.field == field);
        let fault = fault.unwrap_or_else(|| panic!("{field}: {faults:?}"));
        assert!(fault.problem.contains(said) && !fault.fix.is_empty(), "{fault}");
        assert!(fault.line > 5, "{fault}");
    }
    for (reads, said) in [
        ("[]", "reads nothing"),
        ("[\"gs://data\"]", "no place in S3"),
        ("[\"s3://Data/x\"]", "names no bucket"),
        ("[\"s3://data/*\"]", "no policy can name exactly"),
        ("[\"s3://data/${aws:username}\"]", "no policy can name exactly"),
    ] {
        let text = role("facebook", "app_id = \"1\"").replace("[\"s3://data/reports\"]", reads);
        let faults = Config::parse(&text).expect_err(reads);
        assert!(faults.iter().any(|fault| fault.problem.contains(said)), "{reads}: {faults:?}");
    }
}

#[test]
fn a_role_has_a_name_of_its_own() {
    let both = format!("{}[instances.reader]\n", role("facebook", "app_id = \"1\""));
    let faults = Config::parse(&both).expect_err("two of a name");
    assert!(faults.iter().any(|fault| fault.problem.contains("share a role")), "{faults:?}");
    let long =
        role("facebook", "app_id = \"1\"").replace("roles.reader", &format!("roles.{}", "r".repeat(60)));
    let faults = Config::parse(&long).expect_err("too long");
    assert!(faults.iter().any(|fault| fault.problem.contains("IAM allows 64")), "{faults:?}");
}

#[test]
fn what_aws_would_refuse_to_create_is_a_fault_of_the_file() {
    // Microsoft Sentinel's own tenant wants the session name, which nothing here can say.
    let sentinel = "tenant_id = \"33e01921-4d64-4f8c-a055-5bdaffd5e33d\"\napp_id_uri = \"api://x\"\n";
    let faults =
        Config::parse(&role("azure", &format!("{sentinel}subject = \"{OBJECT}\""))).expect_err("refused");
    assert!(faults[0].problem.starts_with("sts:RoleSessionName"), "{faults:?}");
}

fn allowed(policy: &Policy, request: &Request) -> bool {
    may(std::slice::from_ref(policy), request) == Decision::Allowed
}

#[test]
fn a_role_lists_and_reads_below_its_prefixes_only() {
    let config = parsed(&role("facebook", "app_id = \"1\""));
    let policy = config.roles["reader"].read_policy("aws");
    let bucket = "arn:aws:s3:::data";
    let list = |prefix: &str| Request::new("s3:ListBucket", bucket).with("s3:prefix", [prefix]);
    let get = |key: &str| Request::new("s3:GetObject", format!("{bucket}/{key}"));
    assert!(allowed(&policy, &list("reports/")));
    assert!(allowed(&policy, &list("reports/2026")));
    assert!(allowed(&policy, &get("reports/2026/a.csv")));
    assert!(!allowed(&policy, &list("")));
    assert!(!allowed(&policy, &list("reports-secret/")));
    assert!(!allowed(&policy, &Request::new("s3:ListBucket", bucket)));
    assert!(!allowed(&policy, &get("reports-secret/a.csv")));
    assert!(!allowed(&policy, &Request::new("s3:PutObject", format!("{bucket}/reports/a.csv"))));
    let whole = role("facebook", "app_id = \"1\"").replace("s3://data/reports", "s3://data");
    let policy = parsed(&whole).roles["reader"].read_policy("aws");
    assert!(allowed(&policy, &Request::new("s3:ListBucket", bucket)) && allowed(&policy, &get("x")));
}

#[test]
fn a_provider_is_needed_once_and_a_built_in_one_never() {
    let two = format!(
        "{}\n[roles.other]\nfrom = \"oidc\"\nissuer = \"https://gitlab.example\"\naudience = \"b\"\n\
         subject = \"s\"\nreads = [\"s3://data\"]\n[roles.user]\nfrom = \"facebook\"\napp_id = \"1\"\n\
         reads = [\"s3://data\"]\n",
        role("oidc", "issuer = \"https://gitlab.example\"\naudience = \"a\"\nsubject = \"s\"")
    );
    let providers = parsed(&two).oidc_providers();
    let audiences: Vec<(&str, Vec<&str>)> =
        providers.iter().map(|(host, ids)| (&**host, ids.iter().map(String::as_str).collect())).collect();
    assert_eq!(audiences, [("gitlab.example", vec!["a", "b"])]);
}

fn document(config: &Config, kind: Kind, path: &str) -> String {
    let documents = render(config, kind).expect("written");
    documents.into_iter().find(|document| document.path == path).expect(path).text
}

fn blocks<'a>(body: &'a Body, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a hcl::Block)> {
    let of_kind =
        move |block: &&hcl::Block| block.labels().first().is_some_and(|label| label.as_str() == kind);
    body.blocks().filter(of_kind).map(|block| (block.labels()[1].as_str(), block))
}

fn attribute(block: &hcl::Block, name: &str) -> Expression {
    let found = block.body().attributes().find(|attribute| attribute.key() == name);
    found.unwrap_or_else(|| panic!("no {name} in {block:?}")).expr().clone()
}

/// What Terraform would make of a trust: the statements of the data source, read back.
fn trust_in(body: &Body, name: &str, provider: &str) -> RoleTrust {
    let (_, document) =
        blocks(body, "aws_iam_policy_document").find(|(found, _)| *found == name).expect(name);
    let texts = |block: &hcl::Block, name: &str| match attribute(block, name) {
        Expression::Array(values) => values
            .into_iter()
            .map(|value| match value {
                Expression::String(text) => text,
                // The provider that the same file makes.
                _ => provider.to_owned(),
            })
            .collect::<Vec<String>>(),
        other => panic!("{other} is no list"),
    };
    let statements = document.body().blocks().map(|statement| {
        let of =
            |kind: &'static str| statement.body().blocks().filter(move |block| block.identifier() == kind);
        let principals = of("principals").next().expect("principals");
        let mut condition: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
        for block in of("condition") {
            let text = |name: &str| match attribute(block, name) {
                Expression::String(text) => text,
                other => panic!("{other} is no text"),
            };
            condition.entry(text("test")).or_default().insert(text("variable"), texts(block, "values"));
        }
        json!({
            "Effect": "Allow", "Action": texts(statement, "actions"),
            "Principal": { "Federated": texts(principals, "identifiers") }, "Condition": condition,
        })
    });
    let statements: Vec<Value> = statements.collect();
    serde_json::from_value(json!({ "Version": "2012-10-17", "Statement": statements })).expect("a trust")
}

#[test]
fn terraform_reads_back_as_the_trusts_of_the_configuration() {
    for (kind, fields, _) in sources() {
        let config = parsed(&role(kind, &fields));
        let body = hcl::parse(&document(&config, Kind::Terraform, "roles.tf")).expect("HCL");
        let name = "carnet-eu-central-1-reader";
        let providers: Vec<_> = blocks(&body, "aws_iam_openid_connect_provider").collect();
        let built_in = matches!(kind, "google" | "cognito" | "amazon" | "facebook");
        assert_eq!(providers.len(), usize::from(!built_in), "{kind}");
        let issuer = config.roles["reader"].from.issuer();
        for (_, provider) in providers {
            assert_eq!(attribute(provider, "url"), Expression::from(issuer.as_str()));
        }
        let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{}", issuer.trim_start_matches("https://"));
        assert_eq!(trust_in(&body, &format!("{name}-trust"), &arn), trust(&config), "{kind}");
        let (_, made) = blocks(&body, "aws_iam_role").find(|(found, _)| *found == name).expect(name);
        assert_eq!(attribute(made, "max_session_duration"), Expression::from(3600));
    }
}

#[test]
fn a_boundary_tags_and_a_longer_session_are_rendered() {
    let fields = "app_id = \"1\"\nmax_session_seconds = 43_200\ntags = { team = \"data\" }\n\
                  permissions_boundary = \"arn:aws:iam::123456789012:policy/limits\"";
    let config = parsed(&role("facebook", fields));
    let terraform = document(&config, Kind::Terraform, "roles.tf");
    let yaml = document(&config, Kind::CloudFormation, "roles.yaml");
    for text in [&terraform, &yaml] {
        for said in ["43200", "team", "arn:aws:iam::123456789012:policy/limits"] {
            assert!(text.contains(said), "{said} in {text}");
        }
    }
    let without = parsed(&role("facebook", "app_id = \"1\""));
    assert!(document(&without, Kind::Terraform, "roles.tf").contains("var.aws_permissions_boundary"));
    assert!(document(&without, Kind::Terraform, "variables.tf").contains("aws_permissions_boundary"));
}

/// The texts of JSON in the template, with the defaults of its parameters in them.
fn trusts_in(yaml: &str) -> Vec<RoleTrust> {
    let mut defaults = BTreeMap::new();
    let mut parameter = String::new();
    for line in yaml.lines() {
        if let Some(name) = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')) {
            parameter = name.trim_end_matches(':').to_owned();
        }
        if let Some(value) = line.strip_prefix("    Default: ") {
            defaults.insert(parameter.clone(), value.trim_matches('"').to_owned());
        }
    }
    defaults.insert("AWS::Partition".into(), "aws".into());
    defaults.insert("AWS::AccountId".into(), ACCOUNT.into());
    let documents = yaml.split("Fn::Sub: |\n").skip(1);
    let trusts = documents.map(|rest| {
        let indent = rest.len() - rest.trim_start().len();
        let lines = rest.lines().take_while(|line| line.len() - line.trim_start().len() >= indent);
        let text = lines.collect::<Vec<_>>().join("\n");
        let text =
            defaults.iter().fold(text, |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
        assert!(!text.contains("${"), "a parameter that is none: {text}");
        serde_json::from_str(&text).expect("JSON")
    });
    trusts.collect()
}

#[test]
fn the_template_s_trusts_are_those_of_the_configuration() {
    for (kind, fields, _) in sources() {
        let config = parsed(&role(kind, &fields));
        let yaml = document(&config, Kind::CloudFormation, "roles.yaml");
        assert_eq!(trusts_in(&yaml), [trust(&config)], "{kind}");
    }
}

#[test]
fn without_roles_there_is_no_document_for_them() {
    let config = parsed(&format!("{HEAD}[instances.operator]\n"));
    for kind in [Kind::Terraform, Kind::CloudFormation] {
        let documents = render(&config, kind).expect("written");
        assert!(documents.iter().all(|document| !document.path.starts_with("roles")));
    }
    assert!(!document(&config, Kind::Json, "trust.json").contains("oidc_providers"));
}

#[test]
fn the_example_has_roles_in_every_stage() {
    let config = parsed(EXAMPLE);
    let text = document(&config, Kind::Json, "trust.json");
    let trust: Value = serde_json::from_str(&text).expect("JSON");
    let account = &trust["accounts"][ACCOUNT];
    let deployments = config.deployments().len();
    assert_eq!(account["inbound"].as_object().expect("roles").len(), config.roles.len() * deployments);
    assert_eq!(account["oidc_providers"].as_object().expect("providers").len(), 3);
}
