//! The sync and its events in `template.yaml`: what belongs together fits together.

use carnet_tests::template::{Deployed, Target, Template};
use carnet_trust::aws::{Decision, Policy, Request, evaluate};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const GOOGLE: [(&str, &str); 2] = [
    ("SyncSource", "gs://carnet-test-bucket/in"),
    (
        "SyncGoogleAudience",
        "//iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/providers/aws-tokens",
    ),
];
const AZURE: [(&str, &str); 3] = [
    ("SyncSource", "azure://carnettest/assets"),
    ("TenantId", "11111111-2222-4333-8444-555555555555"),
    ("SyncClientId", "aaaaaaaa-1111-4222-8333-444444444444"),
];
const DOOR: [(&str, &str); 2] = [("EventsAudiences", "https://events.example"), ("EventsSubjects", "pusher")];
/// Those that read the source.
const READERS: [&str; 4] = ["SyncPlan", "SyncCopy", "SyncCommit", "IngestObject"];
const BUCKET: &str = "arn:aws:s3:::carnet-syncbucket";
/// Actions, each with what it may be done to.
type Grants<'a> = &'a [(&'a str, &'a [&'a str])];
const TASKS: [&str; 3] = ["SyncPlan", "SyncCopy", "SyncCommit"];

fn deploy(parameters: &[&[(&str, &str)]]) -> Deployed {
    let parameters = parameters.concat();
    let target =
        Target { stack: "carnet", region: "eu-central-1", account: "123456789012", parameters: &parameters };
    let deployed = Template::load().deploy(&target);
    assert_eq!(deployed.refusals, Vec::<String>::new());
    deployed
}

fn allowed(policies: &[Policy], action: &str, resource: &str) -> bool {
    evaluate(policies, &Request::new(action, resource)) == Decision::Allowed
}

fn number(value: &Value) -> u64 {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.unwrap_or_else(|| panic!("{value} is no number"))
}

fn mints_for(deployed: &Deployed, role: &str) -> Vec<String> {
    let statements = deployed.policies(role).into_iter().flat_map(|policy| policy.statement.0);
    let minting = statements.filter(|statement| statement.action.0 == ["sts:GetWebIdentityToken"]);
    minting.map(|statement| serde_json::to_string(&statement.condition).expect("JSON")).collect()
}

#[test]
fn the_source_s_cloud_decides_what_the_functions_are_told_and_may_mint() {
    for (parameters, told, untold, audience) in [
        (&GOOGLE[..], "CARNET_GOOGLE_AUDIENCE", "AZURE_", GOOGLE[1].1),
        (&AZURE[..], "AZURE_CLIENT_ID", "CARNET_GOOGLE_", "api://AzureADTokenExchange"),
    ] {
        let deployed = deploy(&[parameters]);
        for function in READERS {
            let variables =
                deployed.properties(function)["Environment"]["Variables"].as_object().expect("some");
            assert_eq!(variables["CARNET_SYNC_SOURCE"], parameters[0].1, "{function}");
            assert_eq!(variables["CARNET_SYNC_DESTINATION"], "s3://carnet-syncbucket/copies", "{function}");
            assert!(variables.contains_key(told), "{function}: {variables:?}");
            assert!(variables.keys().all(|name| !name.starts_with(untold)), "{function}: {variables:?}");
            let minting = mints_for(&deployed, &format!("{function}Role"));
            let [condition] = &minting[..] else { panic!("{function} mints by {minting:?}") };
            assert!(condition.contains(audience), "{function}: {condition}");
        }
    }
    // A signed request is the proof: nothing is minted.
    let by_role = deploy(&[&GOOGLE, &[("SyncGoogleProof", "aws4_request")]]);
    assert!(READERS.iter().all(|function| mints_for(&by_role, &format!("{function}Role")).is_empty()));
}

/// What each role may do at the bucket; the queue's and the log's are in `roles.rs`.
#[test]
fn each_role_reaches_its_own_part_of_the_bucket() {
    let deployed = deploy(&[&GOOGLE, &DOOR]);
    let copy = format!("{BUCKET}/copies/a/b.txt");
    let root = format!("{BUCKET}/copies/.carnet-sync/root.json");
    let work = format!("{BUCKET}/copies/.carnet-sync/runs/run/work.json");
    let result = format!("{BUCKET}/copies/.carnet-sync/engine/run/manifest.json");
    let list = format!("{BUCKET}/.carnet-inbox/list.txt");
    let elsewhere = format!("{BUCKET}/copies2/a");
    let (state, all) = (&[&*root, &*work, &*result][..], &[&*copy, &*root, &*work, &*result][..]);
    let plans_and_commits: Grants = &[
        ("s3:ListBucket", &[BUCKET]),
        ("s3:GetObject", all),
        ("s3:DeleteObject", all),
        ("s3:PutObject", state),
    ];
    let copies: Grants = &[
        ("s3:ListBucket", &[BUCKET]),
        ("s3:GetObject", all),
        ("s3:PutObject", all),
        ("s3:DeleteObject", state),
        ("s3:AbortMultipartUpload", all),
        ("s3:ListMultipartUploadParts", all),
    ];
    let mut ingests = copies.to_vec();
    let and_lists = [all, &[&*list]].concat();
    ingests[1].1 = &and_lists;
    let machine: Grants = &[
        ("s3:GetObject", &[&*work, &*result]),
        ("s3:PutObject", &[&*result]),
        ("s3:AbortMultipartUpload", &[&*result]),
        ("s3:ListMultipartUploadParts", &[&*result]),
    ];
    let expected: [(&str, Grants); 7] = [
        ("SyncPlanRole", plans_and_commits),
        ("SyncCopyRole", copies),
        ("SyncCommitRole", plans_and_commits),
        ("IngestObjectRole", &ingests),
        ("SyncMachineRole", machine),
        ("SyncScheduleRole", &[]),
        ("EventWebhookRole", &[]),
    ];
    let resources = [BUCKET, &copy, &root, &work, &result, &list, &elsewhere];
    for (role, expected) in expected {
        let policies = deployed.policies(role);
        let statements = policies.iter().flat_map(|policy| &policy.statement.0);
        let actions: BTreeSet<&String> = statements.flat_map(|statement| &statement.action.0).collect();
        let of_s3: BTreeMap<&str, Vec<&str>> = actions
            .into_iter()
            .filter(|action| action.starts_with("s3:"))
            .map(|action| {
                let may = resources.iter().copied().filter(|it| allowed(&policies, action, it)).collect();
                (action.as_str(), may)
            })
            .collect();
        let expected: BTreeMap<&str, Vec<&str>> =
            expected.iter().map(|(action, on)| (*action, on.to_vec())).collect();
        assert_eq!(of_s3, expected, "{role}");
    }
}

/// All states, those of maps too, with the machine they are in.
fn states(machine: &Value) -> Vec<(&str, &Value, &Value)> {
    let own = machine["States"].as_object().expect("states");
    let mut found: Vec<_> = own.iter().map(|(name, state)| (name.as_str(), state, machine)).collect();
    let maps = own.values().filter(|state| state["Type"] == "Map");
    found.extend(maps.flat_map(|map| states(&map["ItemProcessor"])));
    found
}

fn followers(state: &Value) -> Vec<&str> {
    let lists = [&state["Choices"], &state["Catch"]];
    let listed = lists.into_iter().filter_map(Value::as_array).flatten().map(|it| &it["Next"]);
    [&state["Next"], &state["Default"]].into_iter().chain(listed).filter_map(Value::as_str).collect()
}

#[test]
fn every_step_of_the_machine_is_reached_and_ends() {
    let definition = deploy(&[&GOOGLE]).definition("SyncMachine");
    let states = states(&definition);
    assert_eq!(states.iter().filter(|(_, state, _)| state["Type"] == "Map").count(), 3);
    for (name, state, machine) in &states {
        for next in followers(state) {
            assert!(machine["States"].get(next).is_some(), "{name} is followed by {next}");
        }
        let ends = state["End"] == true || ["Succeed", "Fail"].iter().any(|kind| state["Type"] == *kind);
        assert_ne!(ends, !followers(state).is_empty(), "{name} either ends or is followed");
        let reached = machine["StartAt"] == *name
            || states.iter().any(|(_, other, of)| of == machine && followers(other).contains(name));
        assert!(reached, "nothing leads to {name}");
    }
}

#[test]
fn every_task_calls_a_function_that_the_machine_may_call_and_is_tried_again() {
    let deployed = deploy(&[&GOOGLE]);
    let definition = deployed.definition("SyncMachine");
    let policies = deployed.policies("SyncMachineRole");
    let functions: BTreeMap<&str, String> = TASKS
        .iter()
        .map(|name| {
            let function = &deployed.properties(name)["FunctionName"];
            let function = function.as_str().expect("a name");
            (*name, format!("arn:aws:lambda:eu-central-1:123456789012:function:{function}"))
        })
        .collect();
    let mut called = BTreeSet::new();
    for (name, state, _) in states(&definition).into_iter().filter(|(_, state, _)| state["Type"] == "Task") {
        assert_eq!(state["Resource"], "arn:aws:states:::lambda:invoke");
        let function = state["Parameters"]["FunctionName"].as_str().expect("a name");
        assert!(allowed(&policies, "lambda:InvokeFunction", function), "{name}: {function}");
        let known = functions.iter().find(|(_, arn)| *arn == function).expect("one of the stack's").0;
        called.insert(*known);
        // The function ends before the task is given up.
        assert!(number(&state["TimeoutSeconds"]) > number(&deployed.properties(known)["Timeout"]), "{name}");
        let [retry] = &state["Retry"].as_array().expect("tried again")[..] else { panic!("{name}") };
        assert_eq!(retry["JitterStrategy"], "FULL", "{name}");
        for error in ["Lambda.TooManyRequestsException", "Sandbox.Timedout", "Carnet.Again"] {
            assert!(
                retry["ErrorEquals"].as_array().expect("names").contains(&json!(error)),
                "{name}: {error}"
            );
        }
        // What is caught cannot be redriven from where it failed.
        let caught = (name == "Plan").then(|| json!(["Carnet.LeaseHeld"]));
        assert_eq!(state.get("Catch").map(|catch| catch[0]["ErrorEquals"].clone()), caught, "{name}");
    }
    assert_eq!(called, TASKS.into_iter().collect());
    let other = "arn:aws:lambda:eu-central-1:123456789012:function:carnet-ingest-object";
    assert!(!allowed(&policies, "lambda:InvokeFunction", other));
}

#[test]
fn the_machine_runs_maps_of_its_own_and_no_other_machine() {
    let deployed = deploy(&[&GOOGLE, &[("SyncConcurrency", "70"), ("SyncToleratedFailurePercent", "0")]]);
    let definition = deployed.definition("SyncMachine");
    let policies = deployed.policies("SyncMachineRole");
    let execution = |machine: &str, rest: &str| {
        format!("arn:aws:states:eu-central-1:123456789012:{machine}:carnet-sync{rest}")
    };
    assert_eq!(deployed.outputs["SyncMachineArn"]["Value"], execution("stateMachine", ""));
    for (_, map, _) in states(&definition).into_iter().filter(|(_, state, _)| state["Type"] == "Map") {
        let label = map["Label"].as_str().expect("a label");
        assert_eq!(map["ItemProcessor"]["ProcessorConfig"]["Mode"], "DISTRIBUTED", "{label}");
        assert_eq!(map["ItemReader"]["Resource"], "arn:aws:states:::s3:getObject", "{label}");
        assert_eq!(map["ResultWriter"]["Resource"], "arn:aws:states:::s3:putObject", "{label}");
        let child = execution("execution", &format!("/{label}:4f5a"));
        assert!(allowed(&policies, "states:RedriveExecution", &child), "{label}");
        assert_eq!(map["MaxConcurrencyPath"], "$.settings.concurrency", "{label}");
    }
    assert!(allowed(&policies, "states:StartExecution", &execution("stateMachine", "")));
    assert!(!allowed(&policies, "states:StartExecution", &execution("stateMachine", "2")));
    let settings = &definition["States"]["Settings"]["Parameters"];
    assert_eq!(settings["concurrency.$"], "States.StringToJson('70')");
    assert_eq!(settings["toleratedFailurePercent.$"], "States.StringToJson('0')");
    // CloudFormation: "Null values are not allowed in templates".
    assert!(!definition.to_string().contains("null"));
}

#[test]
fn uploads_outlive_the_longest_run() {
    let deployed = deploy(&[&GOOGLE]);
    let rules =
        deployed.properties("SyncBucket")["LifecycleConfiguration"]["Rules"].as_array().expect("rules");
    let aborts = rules.iter().filter_map(|rule| rule.get("AbortIncompleteMultipartUpload"));
    let days: Vec<u64> = aborts.map(|abort| number(&abort["DaysAfterInitiation"])).collect();
    let longest = number(&deployed.definition("SyncMachine")["TimeoutSeconds"]);
    let [days] = days[..] else { panic!("{days:?}") };
    assert!(days * 86_400 > longest, "{days} days, {longest} s");
    // Step Functions: an execution can be redriven for 14 days.
    let engine = rules.iter().find(|rule| rule["Prefix"] == "copies/.carnet-sync/engine/").expect("a rule");
    assert!(number(&engine["ExpirationInDays"]) > 14);
    for rule in rules.iter().filter(|rule| rule.get("ExpirationInDays").is_some()) {
        let prefix = rule["Prefix"].as_str().expect("never of the whole bucket");
        assert!(["copies/.carnet-sync/engine/", ".carnet-inbox/"].contains(&prefix), "copies expire: {rule}");
    }
}

#[test]
fn bucket_and_queues_are_for_tls_only() {
    let deployed = deploy(&[&GOOGLE]);
    let bucket = deployed.properties("SyncBucket");
    assert_eq!(deployed.resources["SyncBucket"]["DeletionPolicy"], "Retain");
    let public = bucket["PublicAccessBlockConfiguration"].as_object().expect("switches");
    assert!(public.len() == 4 && public.values().all(|switch| switch == true), "{public:?}");
    let policies = ["AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"].map(|kind| {
        let documents =
            deployed.of_type(kind).map(|(_, policy)| policy["PolicyDocument"]["Statement"].clone());
        documents.collect::<Vec<_>>()
    });
    let policies = policies.concat();
    let denied: BTreeSet<String> = policies
        .iter()
        .flat_map(|statements| statements.as_array().expect("a list"))
        .filter(|statement| {
            let insecure = json!({ "Bool": { "aws:SecureTransport": "false" } });
            statement["Effect"] == "Deny"
                && statement["Principal"] == "*"
                && statement["Condition"] == insecure
        })
        .flat_map(|statement| match &statement["Resource"] {
            Value::Array(resources) => resources.clone(),
            one => vec![one.clone()],
        })
        .map(|resource| resource.as_str().expect("an ARN").to_owned())
        .collect();
    let queues = deployed.of_type("AWS::SQS::Queue").map(|(_, queue)| {
        assert_eq!(queue["SqsManagedSseEnabled"], true);
        format!("arn:aws:sqs:eu-central-1:123456789012:{}", queue["QueueName"].as_str().expect("a name"))
    });
    let expected = queues.chain([BUCKET.to_owned(), format!("{BUCKET}/*")]).collect();
    assert_eq!(denied, expected);
}

#[test]
fn a_message_is_seen_again_after_its_function_has_ended_and_put_aside_in_the_end() {
    let deployed = deploy(&[&GOOGLE]);
    let (queue, letters) = (deployed.properties("EventQueue"), deployed.properties("EventDeadLetters"));
    let timeout = number(&deployed.properties("IngestObject")["Timeout"]);
    // AWS, "Using Lambda with Amazon SQS".
    assert_eq!(number(&queue["VisibilityTimeout"]), 6 * timeout);
    let arn = |queue: &Value| {
        format!("arn:aws:sqs:eu-central-1:123456789012:{}", queue["QueueName"].as_str().unwrap())
    };
    assert_eq!(queue["RedrivePolicy"]["maxReceiveCount"], 5);
    assert_eq!(queue["RedrivePolicy"]["deadLetterTargetArn"], arn(letters));
    assert_eq!(letters["RedriveAllowPolicy"]["sourceQueueArns"], json!([arn(queue)]));
    assert!(number(&letters["MessageRetentionPeriod"]) > number(&queue["MessageRetentionPeriod"]));
    let mapping = deployed.properties("IngestEvents");
    assert_eq!(mapping["EventSourceArn"], arn(queue));
    assert_eq!(mapping["FunctionName"], deployed.properties("IngestObject")["FunctionName"]);
    assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    let policies = deployed.policies("IngestObjectRole");
    for action in ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:SendMessage"] {
        assert!(allowed(&policies, action, &arn(queue)), "{action}");
        assert!(!allowed(&policies, action, &arn(letters)), "{action}");
    }
}

#[test]
fn lists_in_the_inbox_reach_the_queue() {
    let deployed = deploy(&[&GOOGLE]);
    let rule = deployed.properties("InboxRule");
    let pattern = &rule["EventPattern"];
    assert_eq!(pattern["detail"]["bucket"]["name"], json!(["carnet-syncbucket"]));
    let prefix = pattern["detail"]["object"]["key"][0]["prefix"].as_str().expect("a prefix");
    assert_eq!(deployed.outputs["SyncInbox"]["Value"], format!("s3://carnet-syncbucket/{prefix}"));
    let variables = &deployed.properties("IngestObject")["Environment"]["Variables"];
    assert_eq!(
        variables["CARNET_INGEST_INBOX"],
        format!("s3://carnet-syncbucket/{}", prefix.trim_end_matches('/'))
    );
    assert_eq!(rule["Targets"][0]["Arn"], "arn:aws:sqs:eu-central-1:123456789012:carnet-events");
    let statements = &deployed.properties("EventQueuePolicy")["PolicyDocument"]["Statement"];
    let let_in =
        statements.as_array().expect("a list").iter().find(|it| it["Effect"] == "Allow").expect("one");
    assert_eq!(let_in["Principal"]["Service"], "events.amazonaws.com");
    let source = &let_in["Condition"]["ArnEquals"]["aws:SourceArn"];
    assert_eq!(*source, "arn:aws:events:eu-central-1:123456789012:rule/carnet-inbox");
}

#[test]
fn the_door_is_the_one_way_in_without_a_signature_and_narrow() {
    let closed = deploy(&[&GOOGLE]);
    assert!(!closed.resources.contains_key("EventWebhook") && !closed.resources.contains_key("Api"));
    for (source, paths) in [
        (&GOOGLE[..], &[("/events/google", &["post"][..])][..]),
        (&AZURE[..], &[("/events/azure", &["options", "post"][..])][..]),
    ] {
        let deployed = deploy(&[source, &DOOR, &[("EventsThrottlingRate", "7")]]);
        let api = deployed.properties("Api");
        let found = api["DefinitionBody"]["paths"].as_object().expect("paths");
        let methods: Vec<(&str, Vec<&str>)> = found
            .iter()
            .map(|(path, methods)| {
                (path.as_str(), methods.as_object().unwrap().keys().map(String::as_str).collect())
            })
            .collect();
        assert_eq!(
            methods,
            paths.iter().map(|(path, methods)| (*path, methods.to_vec())).collect::<Vec<_>>()
        );
        for method in found.values().flat_map(|methods| methods.as_object().unwrap().values()) {
            assert_eq!(method["security"], json!([]));
            let integration = &method["x-amazon-apigateway-integration"];
            assert!(integration.get("responseTransferMode").is_none(), "its answers are short");
            let uri = integration["uri"].as_str().expect("a URI");
            assert!(uri.ends_with(":function:carnet-event-webhook/invocations"), "{uri}");
        }
        let settings = api["MethodSettings"].as_array().expect("settings");
        let encoded = format!("/{}", paths[0].0.replace('/', "~1"));
        let own = settings.iter().find(|it| it["ResourcePath"] == *encoded && it["HttpMethod"] == "POST");
        assert_eq!(own.expect("of its own")["ThrottlingRateLimit"], "7");
        assert!(settings.iter().all(|it| it["DataTraceEnabled"] == false && it["LoggingLevel"] == "OFF"));
        let policies = deployed.policies("EventWebhookRole");
        assert!(mints_for(&deployed, "EventWebhookRole").is_empty());
        let queue = "arn:aws:sqs:eu-central-1:123456789012:carnet-events";
        assert!(
            allowed(&policies, "sqs:SendMessage", queue) && !allowed(&policies, "sqs:ReceiveMessage", queue)
        );
    }
}

/// CloudWatch, "PutMetricAlarm": a period times its number is at most seven days, or one day where the
/// period is less than an hour.
#[test]
fn every_interval_is_started_and_watched() {
    let document = Template::load();
    let allowed =
        document.document()["Parameters"]["SyncEvery"]["AllowedValues"].as_array().expect("a list").clone();
    for interval in allowed.iter().filter_map(Value::as_str).filter(|interval| *interval != "never") {
        let deployed = deploy(&[&GOOGLE, &[("SyncEvery", interval)]]);
        let schedule = deployed.properties("SyncSchedule");
        assert_eq!(schedule["ScheduleExpression"], format!("rate({})", interval.replace('-', " ")));
        let alarm = deployed.properties("SyncNoRun");
        let (period, periods) = (number(&alarm["Period"]), number(&alarm["EvaluationPeriods"]));
        let (count, unit) = interval.split_once('-').expect("a number and a unit");
        let unit = match unit.trim_end_matches('s') {
            "minute" => 60,
            "hour" => 3600,
            "day" => 86_400,
            other => panic!("{other}"),
        };
        assert_eq!(period, unit * count.parse::<u64>().expect("a number"), "{interval}");
        assert_eq!(periods, 2);
        assert!(period * periods <= if period < 3600 { 86_400 } else { 604_800 }, "{interval}");
        assert_eq!(alarm["TreatMissingData"], "breaching");
        let late = number(&schedule["FlexibleTimeWindow"]["MaximumWindowInMinutes"]) * 60;
        assert!(late < period, "{interval}: a start may be later than the next one is due");
    }
    let never = deploy(&[&GOOGLE, &[("SyncEvery", "never")]]);
    for absent in ["SyncSchedule", "SyncScheduleRole", "SyncNoRun", "SyncScheduleDeadLetters"] {
        assert!(!never.resources.contains_key(absent), "{absent}");
    }
    assert!(never.resources.contains_key("SyncMachine"), "it can still be started");
}

#[test]
fn a_key_of_one_s_own_encrypts_the_bucket_and_whoever_uses_it_may() {
    let key = "arn:aws:kms:eu-central-1:123456789012:key/k";
    let (plain, keyed) = (deploy(&[&GOOGLE]), deploy(&[&GOOGLE, &[("SyncKmsKeyArn", key)]]));
    let by = |deployed: &Deployed| {
        let rules =
            &deployed.properties("SyncBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"];
        rules[0]["ServerSideEncryptionByDefault"].clone()
    };
    assert_eq!(by(&plain), json!({ "SSEAlgorithm": "AES256" }));
    assert_eq!(by(&keyed), json!({ "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key }));
    for role in READERS.iter().map(|function| format!("{function}Role")).chain(["SyncMachineRole".to_owned()])
    {
        for action in ["kms:GenerateDataKey", "kms:Decrypt"] {
            assert!(allowed(&keyed.policies(&role), action, key), "{role}: {action}");
            assert!(!allowed(&plain.policies(&role), action, key), "{role}: {action}");
        }
    }
}
