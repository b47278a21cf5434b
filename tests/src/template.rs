//! `template.yaml` as CloudFormation would deploy it: conditions decided, intrinsic functions resolved.
//!
//! Only what the template uses is known. Whatever else it says fails the test, rather than be
//! taken for something.

use carnet_trust::aws::Policy;
use regex::Regex;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub struct Template(Value);

/// Where, and with what.
pub struct Target<'a> {
    pub stack: &'a str,
    pub region: &'a str,
    pub account: &'a str,
    pub parameters: &'a [(&'a str, &'a str)],
}

/// What the stack then has.
pub struct Deployed {
    pub resources: BTreeMap<String, Value>,
    pub outputs: BTreeMap<String, Value>,
    /// The template's own rules that the parameters break; CloudFormation would deploy nothing.
    pub refusals: Vec<String>,
}

impl Template {
    pub fn load() -> Self {
        let path = crate::repository().join("template.yaml");
        let text = std::fs::read_to_string(path).expect("template.yaml");
        let documents = Yaml::load_from_str(&text).expect("YAML");
        Self(long_form(&documents[0]))
    }

    /// What it says, functions unresolved.
    pub fn document(&self) -> &Value {
        &self.0
    }

    pub fn deploy(&self, target: &Target<'_>) -> Deployed {
        let resolver = Resolver::new(&self.0, target);
        let present = |section: &str| {
            let entries = self.0[section].as_object().expect(section);
            let chosen = entries.iter().filter(|(_, entry)| {
                entry.get("Condition").is_none_or(|name| resolver.condition(name.as_str().expect("a name")))
            });
            chosen
                .map(|(name, entry)| (name.clone(), resolver.resolve(entry).expect("something")))
                .collect::<BTreeMap<_, _>>()
        };
        Deployed {
            resources: present("Resources"),
            outputs: present("Outputs"),
            refusals: resolver.refusals(),
        }
    }
}

impl Deployed {
    pub fn properties(&self, resource: &str) -> &Value {
        let found = self.resources.get(resource);
        &found.unwrap_or_else(|| panic!("{resource} is not deployed"))["Properties"]
    }

    /// Logical names and properties.
    pub fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let found = self.resources.iter().filter(move |(_, resource)| resource["Type"] == kind);
        found.map(|(name, resource)| (name.as_str(), &resource["Properties"]))
    }

    /// A state machine's definition as it is sent to Step Functions.
    pub fn definition(&self, machine: &str) -> Value {
        let properties = self.properties(machine);
        let substitutions = properties["DefinitionSubstitutions"].as_object().expect("substitutions");
        substituted(&properties["Definition"], substitutions)
    }

    /// A role's inline policies; it must have no others.
    pub fn policies(&self, role: &str) -> Vec<Policy> {
        let properties = self.properties(role);
        assert!(properties.get("ManagedPolicyArns").is_none(), "{role} has policies that are not seen here");
        let policies = properties["Policies"].as_array().expect("a list");
        let documents = policies.iter().map(|policy| policy["PolicyDocument"].clone());
        documents.map(|document| serde_json::from_value(document).expect("a policy")).collect()
    }
}

/// A file of parameters, as SAM reads it: names with texts.
pub fn parameters(text: &str) -> BTreeMap<String, String> {
    let documents = Yaml::load_from_str(text).expect("YAML");
    let Value::Object(entries) = long_form(&documents[0]) else { panic!("no mapping: {text}") };
    entries.into_iter().map(|(name, value)| (name, value.as_str().expect("a text").to_owned())).collect()
}

/// YAML's tags as JSON's one-key objects: `!Sub x` is `{"Fn::Sub": "x"}`.
fn long_form(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Sequence(items) => items.iter().map(long_form).collect(),
        Yaml::Mapping(entries) => {
            let key = |key: &Yaml<'_>| key.as_str().expect("a key that is text").to_owned();
            Value::Object(entries.iter().map(|(name, entry)| (key(name), long_form(entry))).collect())
        }
        Yaml::Tagged(tag, inner) => {
            let name = match tag.suffix.as_str() {
                short @ ("Ref" | "Condition") => short.to_owned(),
                short => format!("Fn::{short}"),
            };
            Value::Object(Map::from_iter([(name, long_form(inner))]))
        }
        other => panic!("YAML that is not read: {other:?}"),
    }
}

/// AWS, "AWS::StepFunctions::StateMachine": `${name}` within a text is that name's value.
fn substituted(value: &Value, substitutions: &Map<String, Value>) -> Value {
    match value {
        Value::String(text) => {
            let replaced = substitutions.iter().fold(text.clone(), |text, (name, value)| {
                text.replace(&format!("${{{name}}}"), value.as_str().expect("text"))
            });
            assert!(!replaced.contains("${"), "nothing stands for what {replaced} names");
            json!(replaced)
        }
        Value::Array(items) => items.iter().map(|item| substituted(item, substitutions)).collect(),
        Value::Object(entries) => {
            let entries = entries.iter();
            Value::Object(entries.map(|(name, it)| (name.clone(), substituted(it, substitutions))).collect())
        }
        plain => plain.clone(),
    }
}

struct Resolver<'a> {
    template: &'a Value,
    target: &'a Target<'a>,
    parameters: BTreeMap<String, Value>,
}

impl<'a> Resolver<'a> {
    fn new(template: &'a Value, target: &'a Target<'a>) -> Self {
        let declared = template["Parameters"].as_object().expect("parameters");
        let mut parameters: BTreeMap<String, Value> =
            declared.iter().map(|(name, declared)| (name.clone(), text(&declared["Default"]))).collect();
        for (name, value) in target.parameters {
            let allowed = declared[*name]["AllowedValues"].as_array();
            assert!(
                allowed.is_none_or(|allowed| allowed.iter().any(|one| text(one) == *value)),
                "{name}={value}"
            );
            // CloudFormation wants the whole value to match.
            let pattern =
                declared[*name]["AllowedPattern"].as_str().map(|pattern| format!("^(?:{pattern})$"));
            let fits = |pattern: String| Regex::new(&pattern).expect("a pattern").is_match(value);
            assert!(pattern.is_none_or(fits), "{name}={value} is not what the template allows");
            parameters.insert((*name).to_owned(), json!(value));
        }
        Self { template, target, parameters }
    }

    /// `None` for `AWS::NoValue`, which takes its property away.
    fn resolve(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Object(entries) => match function(entries) {
                Some((name, argument)) => self.call(name, argument),
                None => {
                    let resolved = entries.iter();
                    let kept =
                        resolved.filter_map(|(name, entry)| Some((name.clone(), self.resolve(entry)?)));
                    Some(Value::Object(kept.collect()))
                }
            },
            Value::Array(items) => Some(items.iter().filter_map(|item| self.resolve(item)).collect()),
            plain => Some(plain.clone()),
        }
    }

    fn call(&self, name: &str, argument: &Value) -> Option<Value> {
        match name {
            "Ref" => self.reference(argument.as_str().expect("a name")),
            "Fn::GetAtt" => Some(json!(self.attribute(argument.as_str().expect("a name")))),
            "Fn::Sub" => Some(json!(self.substitute(argument.as_str().expect("text")))),
            "Fn::If" => {
                let chosen = if self.condition(argument[0].as_str().expect("a condition")) { 1 } else { 2 };
                self.resolve(&argument[chosen])
            }
            "Fn::FindInMap" => {
                let key = |index: usize| self.resolve(&argument[index]).expect("a key");
                let (map, first, second) = (key(0), key(1), key(2));
                let path = [&map, &first, &second].map(|key| key.as_str().expect("text"));
                let found = path.iter().try_fold(&self.template["Mappings"], |map, key| map.get(key));
                Some(found.unwrap_or_else(|| panic!("no mapping {path:?}")).clone())
            }
            "Fn::Select" => {
                let index: usize =
                    text(&argument[0]).as_str().and_then(|i| i.parse().ok()).expect("an index");
                Some(self.resolve(&argument[1])?[index].clone())
            }
            "Fn::Split" => {
                let whole = self.resolve(&argument[1]).expect("text");
                let separator = argument[0].as_str().expect("a separator");
                Some(whole.as_str().expect("text").split(separator).map(Value::from).collect())
            }
            other => panic!("{other} is not read"),
        }
    }

    fn reference(&self, name: &str) -> Option<Value> {
        let target = self.target;
        Some(match name {
            "AWS::NoValue" => return None,
            "AWS::StackName" => json!(target.stack),
            "AWS::Region" => json!(target.region),
            "AWS::AccountId" => json!(target.account),
            "AWS::Partition" => json!("aws"),
            "AWS::URLSuffix" => json!("amazonaws.com"),
            parameter if self.parameters.contains_key(parameter) => self.parameters[parameter].clone(),
            resource => json!(self.identifier(resource)),
        })
    }

    /// What `Ref` gives: for most their name.
    fn identifier(&self, resource: &str) -> String {
        let (name, Target { region, account, .. }) = (self.physical_name(resource), self.target);
        match self.template["Resources"][resource]["Type"].as_str().expect("a type") {
            "AWS::SQS::Queue" => format!("https://sqs.{region}.amazonaws.com/{account}/{name}"),
            "AWS::StepFunctions::StateMachine" => self.attribute(&format!("{resource}.Arn")),
            // Its name is CloudFormation's own.
            "AWS::S3::Bucket" => format!("{}-{}", self.target.stack, resource.to_lowercase()),
            _ => name,
        }
    }

    /// Its own name where it has one, else the logical one.
    fn physical_name(&self, resource: &str) -> String {
        let properties = &self.template["Resources"][resource]["Properties"];
        assert!(properties.is_object(), "there is no {resource}");
        let names = ["RoleName", "FunctionName", "LogGroupName", "QueueName", "StateMachineName", "Name"];
        let name = names.iter().find_map(|property| self.resolve(properties.get(property)?));
        name.map_or_else(|| resource.to_owned(), |name| name.as_str().expect("a name").to_owned())
    }

    fn attribute(&self, path: &str) -> String {
        let (resource, attribute) = path.split_once('.').expect("Resource.Attribute");
        let (name, Target { region, account, .. }) = (self.physical_name(resource), self.target);
        let kind = self.template["Resources"][resource]["Type"].as_str().expect("a type");
        if (kind, attribute) == ("AWS::SQS::Queue", "QueueName") {
            return name;
        }
        assert_eq!(attribute, "Arn", "{path}");
        match kind {
            "AWS::S3::Bucket" => format!("arn:aws:s3:::{}", self.identifier(resource)),
            "AWS::SQS::Queue" => format!("arn:aws:sqs:{region}:{account}:{name}"),
            "AWS::Events::Rule" => format!("arn:aws:events:{region}:{account}:rule/{name}"),
            "AWS::StepFunctions::StateMachine" => {
                format!("arn:aws:states:{region}:{account}:stateMachine:{name}")
            }
            "AWS::IAM::Role" => format!("arn:aws:iam::{account}:role/{name}"),
            "AWS::Serverless::Function" => format!("arn:aws:lambda:{region}:{account}:function:{name}"),
            "AWS::Logs::LogGroup" => format!("arn:aws:logs:{region}:{account}:log-group:{name}:*"),
            other => panic!("the ARN of {other} is not known"),
        }
    }

    fn substitute(&self, pattern: &str) -> String {
        let mut pieces = pattern.split("${");
        let mut out = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once('}').expect("a closing brace");
            if name.contains('.') {
                out.push_str(&self.attribute(name));
            } else {
                out.push_str(self.reference(name).expect("a value").as_str().expect("text"));
            }
            out.push_str(rest);
        }
        out
    }

    fn condition(&self, name: &str) -> bool {
        let declared = self.template["Conditions"].get(name);
        self.holds(declared.unwrap_or_else(|| panic!("there is no condition {name}")))
    }

    fn holds(&self, test: &Value) -> bool {
        let (name, argument) = test.as_object().and_then(only).expect("a condition function");
        let tests = || argument.as_array().expect("a list").iter();
        match name {
            "Condition" => self.condition(argument.as_str().expect("a name")),
            "Fn::Equals" => text(&self.resolve(&argument[0]).expect("a value")) == text(&argument[1]),
            "Fn::Not" => !self.holds(&argument[0]),
            "Fn::And" => tests().all(|test| self.holds(test)),
            "Fn::Or" => tests().any(|test| self.holds(test)),
            other => panic!("{other} is not read"),
        }
    }

    fn refusals(&self) -> Vec<String> {
        let rules = self.template["Rules"].as_object().expect("rules").values();
        let applying = rules.filter(|rule| rule.get("RuleCondition").is_none_or(|test| self.holds(test)));
        let assertions = applying.flat_map(|rule| rule["Assertions"].as_array().expect("a list"));
        let broken = assertions.filter(|assertion| !self.holds(&assertion["Assert"]));
        broken.map(|assertion| assertion["AssertDescription"].as_str().expect("text").to_owned()).collect()
    }
}

fn function(entries: &Map<String, Value>) -> Option<(&str, &Value)> {
    only(entries).filter(|(name, _)| *name == "Ref" || name.starts_with("Fn::"))
}

fn only(entries: &Map<String, Value>) -> Option<(&str, &Value)> {
    let first = entries.iter().next().filter(|_| entries.len() == 1);
    first.map(|(name, value)| (name.as_str(), value))
}

/// Parameters and what they are compared with are text to CloudFormation, numbers too.
fn text(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.to_string()),
        other => other.clone(),
    }
}
