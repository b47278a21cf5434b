//! The sync as the template deploys it: its functions under the template's own roles and environments,
//! with a bucket of the stack's.

use crate::template::{Deployed, Target, Template};
use crate::{BUCKET, PROJECT, Stage};
use bytes::Bytes;
use carnet_localclouds::Options;
use carnet_localclouds::world::{AccessKey, Role};
use carnet_objects::s3::S3Bucket;
use carnet_objects::sink::{Got, SinkListRequest};
use carnet_objects::{Key, ObjectSink as _};
use carnet_trust::aws::Policy;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Where the copies are, in the stack's bucket.
const FOLDER: &str = "copies";
const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-central-1";

/// What each function of the sync is deployed as.
pub const FUNCTIONS: [(&str, &str, &str); 3] = [
    ("sync-plan", "SyncPlan", "SyncPlanRole"),
    ("sync-copy", "SyncCopy", "SyncCopyRole"),
    ("sync-commit", "SyncCommit", "SyncCommitRole"),
];

pub struct Deployment {
    pub stage: Stage,
    pub deployed: Deployed,
    pub bucket: String,
}

/// What a function answered, or by which name it failed.
pub type Answer = Result<Value, (String, String)>;

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}

impl Deployment {
    /// `parameters` are the template's, `variables` what no parameter sets.
    pub async fn new(parameters: &[(&str, &str)], variables: &[(&str, &str)], timeout: Duration) -> Self {
        let audience = format!(
            "//iam.googleapis.com/projects/{PROJECT}/locations/global/workloadIdentityPools/carnet/providers/aws-tokens"
        );
        let source = format!("gs://{BUCKET}");
        let own =
            [("SyncSource", source.as_str()), ("SyncPrefix", FOLDER), ("SyncGoogleAudience", &audience)];
        let parameters: Vec<_> = own.iter().copied().chain(parameters.iter().copied()).collect();
        let deployed = Template::load().deploy(&Target {
            stack: "carnet",
            region: REGION,
            account: ACCOUNT,
            parameters: &parameters,
        });
        assert_eq!(deployed.refusals, [""; 0]);
        let mut function_env = environment(&deployed, "SyncPlan");
        let bucket = function_env["CARNET_SYNC_DESTINATION"].clone();
        let bucket = bucket.trim_start_matches("s3://").split('/').next().expect("a bucket").to_owned();
        let more = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        function_env.extend(more);
        function_env.insert("CARNET_SPREADING_WINDOW_SECONDS".into(), "0".into());
        let stage = Stage::with(Options {
            functions: Some(FUNCTIONS.map(|(name, ..)| name.to_owned()).to_vec()),
            function_env,
            timeout: Some(timeout),
            concurrency: Some(4),
            ..Options::default()
        })
        .await;
        {
            let mut world = stage.local.shared.world_mut();
            world.aws.s3_buckets.insert(bucket.clone());
            for (name, _, role) in FUNCTIONS {
                let role_name = format!("carnet-{REGION}-{name}");
                let known = world.aws.roles.get_mut(&role_name).expect("a role");
                known.policies = deployed.policies(role);
            }
        }
        Self { stage, deployed, bucket }
    }

    /// Calls a function, as a task of the state machine does.
    pub async fn call(&self, function: &str, event: Value) -> Answer {
        let output = self.stage.function(function).invoke(event.to_string()).await;
        let answer: Value = serde_json::from_slice(&output.payload).expect("JSON");
        match output.function_error {
            None => Ok(answer),
            Some(_) => {
                let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
                Err((text("errorType"), text("errorMessage")))
            }
        }
    }

    /// One run, walked as the state machine walks it, but for the retries. Gives what it ended with.
    pub async fn run(&self, execution: &str, input: Value) -> Answer {
        let plan = self.plan(execution, input).await?;
        for list in ["work", "big"] {
            for item in self.array(plan[list].as_str().expect("a key")).await {
                self.copy(item).await?;
            }
        }
        self.commit(plan["run"].as_str().expect("a run")).await
    }

    pub async fn plan(&self, execution: &str, input: Value) -> Answer {
        let event = json!({ "execution": execution, "began": "2026-11-22T10:00:00.123Z", "input": input });
        loop {
            let plan = self.call("sync-plan", event.clone()).await?;
            if plan["complete"] == true {
                return Ok(plan);
            }
        }
    }

    pub async fn copy(&self, mut item: Value) -> Answer {
        loop {
            item = self.call("sync-copy", item).await?;
            if item["left"] == 0 {
                return Ok(item);
            }
        }
    }

    pub async fn commit(&self, run: &str) -> Answer {
        let gathered = self.call("sync-commit", json!({ "step": "gather", "run": run })).await?;
        if gathered["count"] != 0 {
            for range in self.array(gathered["ranges"].as_str().expect("a key")).await {
                self.call("sync-commit", range).await?;
            }
        }
        loop {
            let concluded = self.call("sync-commit", json!({ "step": "conclude", "run": run })).await?;
            if concluded["done"] == true {
                return Ok(concluded);
            }
        }
    }

    /// As the operator.
    pub async fn s3(&self) -> Arc<S3Bucket> {
        let everything = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": ["s3:*"], "Resource": "*" }],
        });
        self.sign_in("looks-into-the-bucket", vec![serde_json::from_value(everything).expect("a policy")]);
        let key =
            aws_credential_types::Credentials::new("looks-into-the-bucket", "secret", None, None, "test");
        self.stage.s3_as(key, &self.bucket).await.expect("a bucket")
    }

    /// A role with these policies, and a key of the same name whose secret is `secret`.
    pub fn sign_in(&self, name: &str, policies: Vec<Policy>) {
        let mut world = self.stage.local.shared.world_mut();
        let role = Role {
            arn: format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
            id: "AROAEXAMPLE".into(),
            policies,
            tags: BTreeMap::new(),
            trust: None,
            max_session: Role::MAX_SESSION,
        };
        world.aws.roles.insert(name.into(), role);
        let key = AccessKey {
            secret: "secret".into(),
            session_token: None,
            role: name.into(),
            session_name: name.into(),
            expires_at: None,
            function_arn: None,
            instance_arn: None,
        };
        world.aws.access_keys.insert(name.into(), key);
    }

    /// From now on the function may not do this. Gives what it was let to do before.
    pub fn deny(&self, function: &str, action: &str, resource: &str) -> (String, Vec<Policy>) {
        let denial = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Deny", "Action": [action], "Resource": resource }],
        });
        let role = format!("carnet-{REGION}-{function}");
        let mut world = self.stage.local.shared.world_mut();
        let policies = &mut world.aws.roles.get_mut(&role).expect("a role").policies;
        let before = policies.clone();
        policies.push(serde_json::from_value(denial).expect("a policy"));
        (role, before)
    }

    pub fn allow(&self, (role, policies): (String, Vec<Policy>)) {
        self.stage.local.shared.world_mut().aws.roles.get_mut(&role).expect("a role").policies = policies;
    }

    /// An array that a step has left for the engine.
    pub async fn array(&self, key: &str) -> Vec<Value> {
        serde_json::from_slice(&self.object(key).await).expect("an array")
    }

    pub async fn object(&self, key: &str) -> Bytes {
        let bucket = self.s3().await;
        match bucket.get(&Key::parse(key).expect("a key"), None, usize::MAX).await.expect("an answer") {
            Got::Object { body, .. } => body,
            _ => panic!("there is no {key}"),
        }
    }

    /// Names below a folder of the bucket, which is cut off.
    pub async fn names(&self, folder: &str) -> Vec<String> {
        let bucket = self.s3().await;
        let mut request = SinkListRequest { prefix: folder.to_owned(), ..SinkListRequest::default() };
        let mut names = Vec::new();
        loop {
            let page = bucket.list(&request).await.expect("a page");
            let found = page.objects.into_iter().map(|entry| entry.key.as_str()[folder.len()..].to_owned());
            names.extend(found);
            match page.next {
                Some(next) => request.page_token = Some(next),
                None => return names,
            }
        }
    }

    /// The copies, without the state.
    pub async fn copies(&self) -> BTreeMap<String, Bytes> {
        let mut copies = BTreeMap::new();
        for name in self.names(&format!("{FOLDER}/")).await {
            if !name.starts_with(".carnet-sync/") {
                copies.insert(name.clone(), self.object(&format!("{FOLDER}/{name}")).await);
            }
        }
        copies
    }

    /// The copies are what is at the source.
    pub async fn assert_same(&self) {
        let mut source = BTreeMap::new();
        for entry in std::fs::read_dir(self.stage.blobs()).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            source.insert(name, Bytes::from(std::fs::read(path).expect("a file")));
        }
        let copies = self.copies().await;
        let (here, there): (Vec<_>, Vec<_>) = (source.keys().collect(), copies.keys().collect());
        assert_eq!(here, there);
        for (name, body) in &source {
            assert!(copies[name] == *body, "{name} has other bytes");
        }
    }
}

/// What a function of the template is told, but for where the clouds are: here that is the stand-ins.
fn environment(deployed: &Deployed, function: &str) -> BTreeMap<String, String> {
    let variables = deployed.properties(function)["Environment"]["Variables"].as_object().expect("variables");
    let told =
        variables.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
    told.filter(|(_, value)| !value.is_empty()).collect()
}
