//! CloudFormation: `roles.yaml`, the roles into AWS, one OIDC principal each.
//!
//! The condition keys of a trust contain the issuer, and Entra's contains the tenant. CloudFormation puts
//! parameters into values only, never into the keys of a mapping (AWS, "Fn::Sub" and "Intrinsic function
//! reference"). So each trust is a text of JSON in one `Fn::Sub`, where a parameter may stand
//! anywhere; `AssumeRolePolicyDocument` is of type Json and takes that text. What can be put in by a
//! parameter is limited by its `AllowedPattern`, so that no quote ends a text early.

use super::{Document, MARK, READ_POLICY, Unwritable};
use crate::aws::Policy;
use crate::aws::role_trust::principal::principal_of;
use crate::aws::role_trust::{BUILT_IN, issuer_host};
use crate::config::{Config, InboundRole, Source};
use crate::derive::{Deployment, roles::Condition};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

const PATH: &str = "roles.yaml";

const ABOUT: &str = "\
Roles into AWS, each for the tokens of one issuer. Deploy it once a stage and region, in its account:
  aws cloudformation deploy --template-file roles.yaml --stack-name carnet-roles \\
    --capabilities CAPABILITY_NAMED_IAM --parameter-overrides Stack=carnet

Each trust is JSON in a text: a condition key holds the issuer, Entra's holds the tenant, and
CloudFormation puts parameters into values only. A provider exists once an account: where another stack
made it, say Providers=exist.";

/// Characters that end no text of JSON, are no wildcard and no variable of IAM's.
const EXACT: &str = r#"^[^"\\*?$\s]+$"#;
/// The same, where names with spaces are possible.
const NAMES: &str = r#"^[^"\\*?$\t\r\n]+$"#;

/// Parameters, conditions and resources as they are found.
struct Template {
    parameters: Vec<(String, Value)>,
    providers: Vec<Provider>,
    roles: Vec<(String, Value)>,
    outputs: Vec<(String, Value)>,
}

struct Provider {
    id: String,
    /// The issuer that the configuration states.
    stated: String,
    /// The same with parameters.
    url: Value,
    client_ids: Vec<Value>,
}

/// `None` where the configuration has no roles.
pub fn document(config: &Config) -> Result<Option<Document>, Unwritable> {
    if config.roles.is_empty() {
        return Ok(None);
    }
    // Stages differ in what the parameters say.
    let deployments = config.deployments();
    let Some(first) = deployments.first() else { return Ok(None) };
    let template = template(first);
    let mut text = String::new();
    for line in format!("{MARK}\n\n{ABOUT}").lines() {
        text.push_str(format!("# {line}").trim_end());
        text.push('\n');
    }
    let sections = template.sections();
    for (name, section) in &sections {
        // Writing into a String does not fail.
        let _ = writeln!(text, "\n{name}:");
        write_yaml(&mut text, section, 1);
    }
    Ok(Some(Document { path: PATH.into(), text, executable: false }))
}

fn template(deployment: &Deployment) -> Template {
    let config = &deployment.config;
    let mut template = Template {
        parameters: vec![
            (
                "Stack".to_owned(),
                json!({
                    "Type": "String", "Default": config.aws.stack, "AllowedPattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$",
                    "Description": "The stack whose roles these are: their names begin with it",
                }),
            ),
            (
                "Providers".to_owned(),
                json!({
                    "Type": "String", "Default": "create", "AllowedValues": ["create", "exist"],
                    "Description": "Whether the OIDC providers are made here, or exist in the account",
                }),
            ),
            (
                "PermissionsBoundary".to_owned(),
                json!({
                    "Type": "String", "Default": "", "AllowedPattern": "^$|^arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy/.+$",
                    "Description": "The ARN of a policy that bounds the roles; empty for none",
                }),
            ),
        ],
        providers: Vec::new(),
        roles: Vec::new(),
        outputs: Vec::new(),
    };
    for (name, role) in &config.roles {
        template.add(name, role);
    }
    template.parameters.sort_by_key(|(name, _)| name.clone());
    template
}

/// A source with its exact values as parameters.
struct Asked {
    parameters: Vec<(&'static str, String, &'static str, &'static str)>,
    source: Source,
}

/// Each value of a source that may be another elsewhere: its name, its default, its pattern, its
/// description. In the source it becomes `${NAME}`.
fn asked(id: &str, source: &Source) -> Asked {
    let mut parameters = Vec::new();
    let mut parameter = |name: &'static str, value: &String, pattern, description| {
        parameters.push((name, value.clone(), pattern, description));
        format!("${{{id}{name}}}")
    };
    let guid = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
    let source = match source {
        Source::Azure { tenant_id, app_id_uri, subject } => Source::Azure {
            tenant_id: parameter("TenantId", tenant_id, guid, "The tenant that issues the tokens"),
            app_id_uri: parameter(
                "AppRegistrationIdUri",
                app_id_uri,
                EXACT,
                "The App ID URI that tokens are asked for",
            ),
            subject: parameter("Subject", subject, guid, "The object id of the identity, not its client id"),
        },
        Source::Google { unique_id, audience } => Source::Google {
            unique_id: parameter("UniqueId", unique_id, "^[0-9]+$", "The service account's unique id"),
            audience: parameter("Audience", audience, EXACT, "The audience that tokens are asked for"),
        },
        Source::Cognito { identity_pool, authenticated } => Source::Cognito {
            identity_pool: parameter("IdentityPoolId", identity_pool, EXACT, "The identity pool"),
            authenticated: *authenticated,
        },
        Source::Amazon { app_id, user_id } => Source::Amazon {
            app_id: parameter("AppId", app_id, EXACT, "The app id at Login with Amazon"),
            user_id: user_id.as_ref().map(|user| parameter("UserId", user, EXACT, "The user")),
        },
        Source::Facebook { app_id, user_id } => Source::Facebook {
            app_id: parameter("AppId", app_id, EXACT, "The app id at Facebook"),
            user_id: user_id.as_ref().map(|user| parameter("UserId", user, EXACT, "The user")),
        },
        // Their subjects are made of several names: a parameter for the whole.
        Source::Github { .. } | Source::Terraform { .. } | Source::Oidc { .. } => {
            let audience = source.client_id().unwrap_or_default().to_owned();
            let subjects: Vec<String> = source
                .conditions()
                .into_iter()
                .filter(|(_, claim, _)| *claim == "sub")
                .flat_map(|(_, _, values)| values)
                .collect();
            match subjects.as_slice() {
                [one] => Source::Oidc {
                    issuer: source.issuer(),
                    audience: parameter("Audience", &audience, EXACT, "The audience of the tokens"),
                    subject: parameter("Subject", one, NAMES, "The one subject that is let in"),
                },
                // Plan and apply: nothing of it is a parameter.
                _ => source.clone(),
            }
        }
    };
    Asked { parameters, source }
}

impl Template {
    fn add(&mut self, name: &str, role: &InboundRole) {
        let id = logical_id(name);
        let Asked { parameters, source } = asked(&id, &role.from);
        for (parameter, default, pattern, description) in parameters {
            let described = format!("roles.{name}: {}", uncapitalised(description));
            self.parameters.push((
                format!("{id}{parameter}"),
                json!({
                    "Type": "String", "Default": default, "AllowedPattern": pattern, "Description": described,
                }),
            ));
        }
        self.provider(&id, role, &source);
        let mut properties = json!({
            "RoleName": sub(&format!("${{Stack}}-${{AWS::Region}}-{name}")),
            "Description": role.description(name),
            "MaxSessionDuration": role.max_session_seconds,
            "AssumeRolePolicyDocument": sub(&trust(&source)),
            "PermissionsBoundary": boundary(role),
            "Policies": [{ "PolicyName": READ_POLICY, "PolicyDocument": policy(role) }],
        });
        let tags = [("carnet:principal".to_owned(), name.to_owned())].into_iter().chain(role.tags.clone());
        properties["Tags"] = tags.map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        let resource = json!({ "Type": "AWS::IAM::Role", "Properties": properties });
        self.roles.push((id.clone(), resource));
        let output = json!({ "Description": format!("AWS_ROLE_ARN of roles.{name}"), "Value": { "Fn::GetAtt": [id, "Arn"] } });
        self.outputs.push((format!("{id}Arn"), output));
    }

    /// The provider of a source, made once however many roles trust it. A trust names it by its ARN, which
    /// is known before it exists: nothing waits for it.
    fn provider(&mut self, id: &str, role: &InboundRole, source: &Source) {
        let issuer = source.issuer();
        if BUILT_IN.contains(&issuer_host(&issuer)) {
            return;
        }
        let client_id = sub(source.client_id().unwrap_or_default());
        // The same issuer by default, so that a stack has one provider of it.
        let stated = role.from.issuer();
        match self.providers.iter_mut().find(|provider| provider.stated == stated) {
            Some(known) if known.client_ids.contains(&client_id) => {}
            Some(known) => known.client_ids.push(client_id),
            None => self.providers.push(Provider {
                id: format!("{id}Provider"),
                stated,
                url: sub(&issuer),
                client_ids: vec![client_id],
            }),
        }
    }

    fn sections(self) -> Vec<(&'static str, Value)> {
        let map = |entries: Vec<(String, Value)>| Value::Object(entries.into_iter().collect::<Map<_, _>>());
        let conditions = json!({
            "CreateProviders": { "Fn::Equals": [{ "Ref": "Providers" }, "create"] },
            "Bounded": { "Fn::Not": [{ "Fn::Equals": [{ "Ref": "PermissionsBoundary" }, ""] }] },
        });
        let providers = self.providers.into_iter().map(|provider| {
            let resource = json!({
                "Type": "AWS::IAM::OIDCProvider",
                "Condition": "CreateProviders",
                "Properties": { "Url": provider.url, "ClientIdList": provider.client_ids },
            });
            (provider.id, resource)
        });
        let resources = providers.chain(self.roles).collect();
        vec![
            ("Parameters", map(self.parameters)),
            ("Conditions", conditions),
            ("Resources", map(resources)),
            ("Outputs", map(self.outputs)),
        ]
    }
}

/// Texts without a parameter are left as they are.
fn sub(text: &str) -> Value {
    if text.contains("${") { json!({ "Fn::Sub": text }) } else { json!(text) }
}

/// A role's own boundary goes before the stack's.
fn boundary(role: &InboundRole) -> Value {
    match &role.permissions_boundary {
        Some(arn) => json!(arn),
        None => json!({ "Fn::If": ["Bounded", { "Ref": "PermissionsBoundary" }, { "Ref": "AWS::NoValue" }] }),
    }
}

/// The trust as JSON, with parameters in it, keys included.
fn trust(source: &Source) -> String {
    let issuer = source.issuer();
    let host = issuer_host(&issuer);
    let principal = principal_of(&issuer, "${AWS::AccountId}", "${AWS::Partition}");
    let mut condition = Map::new();
    for (operator, claim, values) in source.conditions() as Vec<Condition> {
        let values = match values.as_slice() {
            [one] => json!(one),
            many => json!(many),
        };
        condition.entry(operator.to_string()).or_insert_with(|| json!({}))[format!("{host}:{claim}")] =
            values;
    }
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": { "Federated": principal }, "Action": crate::aws::role_trust::ACTION,
            "Condition": condition,
        }],
    });
    format!("{trust:#}")
}

/// The partition is whatever the stack is in.
fn policy(role: &InboundRole) -> Value {
    let policy: Policy = role.read_policy("${AWS::Partition}");
    // A policy has texts for keys, so writing it cannot fail.
    let mut value = serde_json::to_value(policy).unwrap_or_default();
    for statement in value["Statement"].as_array_mut().into_iter().flatten() {
        let resource = statement["Resource"].as_str().unwrap_or_default().to_owned();
        statement["Resource"] = sub(&resource);
    }
    value
}

/// Letters and digits only: `azure-reports` becomes `AzureReports`.
fn logical_id(name: &str) -> String {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.map(|part| part[..1].to_uppercase() + &part[1..]).collect()
}

fn uncapitalised(text: &str) -> String {
    text[..1].to_lowercase() + &text[1..]
}

fn write_yaml(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| (rank(key), (*key).clone()));
            for (key, value) in entries {
                let _ = write!(text, "{indent}{}:", scalar(key));
                write_value(text, value, depth);
            }
        }
        Value::Array(items) => {
            for item in items {
                match item {
                    Value::Object(map) if !map.is_empty() => {
                        // The first key on the line of the dash.
                        let mut inner = String::new();
                        write_yaml(&mut inner, item, depth + 1);
                        let _ = write!(text, "{indent}- {}", inner.trim_start());
                    }
                    _ => {
                        let _ = writeln!(text, "{indent}- {}", json_scalar(item));
                    }
                }
            }
        }
        other => {
            let _ = writeln!(text, "{indent}{}", json_scalar(other));
        }
    }
}

/// What a thing is comes before what it has; else by name.
fn rank(key: &str) -> usize {
    let first = ["Type", "Condition", "Version", "Sid", "Effect", "Key", "PolicyName", "RoleName"];
    first.iter().position(|known| *known == key).unwrap_or(first.len())
}

fn write_value(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            write_yaml(text, value, depth + 1);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            write_yaml(text, value, depth + 1);
        }
        Value::String(lines) if lines.contains('\n') => {
            text.push_str(" |\n");
            let indent = "  ".repeat(depth + 1);
            for line in lines.lines() {
                let _ = writeln!(text, "{indent}{line}");
            }
        }
        other => {
            let _ = writeln!(text, " {}", json_scalar(other));
        }
    }
}

/// What is no plain word is quoted as JSON quotes it, which YAML reads the same.
fn json_scalar(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

fn scalar(text: &str) -> String {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        || (text.contains("::") && text.chars().all(|c| c.is_ascii_alphanumeric() || c == ':'));
    let word =
        ["true", "false", "yes", "no", "null", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str());
    if first && plain && !word { text.to_owned() } else { Value::from(text).to_string() }
}
