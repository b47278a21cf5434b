//! Who asks, and whether they may.
//!
//! `s3s` checks the signature, over the payload too where it is signed. What it knows nothing of is
//! checked here: session tokens, their end, the region, the role's policies, the bucket's owner.

use super::error;
use crate::aws::session;
use crate::faults;
use crate::local::Handle;
use carnet_trust::aws::{self, Decision};
use http::HeaderMap;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::path::S3Path;
use s3s::{S3ErrorCode, S3Result};

/// The world's access keys.
pub(super) struct Keys(pub Handle);

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let world = self.0.world();
        let key = world.aws.access_keys.get(access_key).ok_or_else(error::unknown_key)?;
        Ok(SecretKey::from(key.secret.as_str()))
    }
}

/// The role's policies.
pub(super) struct Policies(pub Handle);

/// Who made the call: for what an operation may say depends on what else its caller may.
#[derive(Clone)]
pub(super) struct Caller {
    access_key_id: String,
    role: String,
    session: String,
    session_arn: String,
}

#[async_trait::async_trait]
impl S3Access for Policies {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(credentials) = cx.credentials() else { return Err(error::access_denied()) };
        let caller = self.caller(&credentials.access_key, cx.headers())?;
        let arn = |path: &str| format!("arn:aws:s3:::{path}");
        let (bucket, key) = match cx.s3_path() {
            S3Path::Root => (None, None),
            S3Path::Bucket { bucket } => (Some(bucket.as_ref()), None),
            S3Path::Object { bucket, key } => (Some(bucket.as_ref()), Some(key.as_ref())),
        };
        let context = context(cx.uri().query().unwrap_or_default());
        for action in actions(cx.s3_op().name(), cx.headers()) {
            self.0.trail.record(&caller.role, &caller.session, action);
            let resource = match (bucket, key) {
                (None, _) => "*".to_owned(),
                (Some(bucket), None) => arn(bucket),
                (Some(bucket), Some(key)) => arn(&format!("{bucket}/{key}")),
            };
            caller.may_in(&self.0, action, &resource, &context)?;
        }
        self.check_bucket(bucket, cx.headers())?;
        cx.extensions_mut().insert(caller);
        Ok(())
    }
}

impl Policies {
    fn caller(&self, id: &str, headers: &HeaderMap) -> S3Result<Caller> {
        let world = self.0.world();
        let key = world.aws.access_keys.get(id).ok_or_else(error::unknown_key)?;
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if header("x-amz-security-token") != key.session_token.as_deref() {
            return Err(error::bad_session_token());
        }
        if key.expires_at.is_some_and(|end| end <= faults::now()) {
            return Err(error::expired_session());
        }
        // Presigned URLs, and signatures of the second version, are not taken.
        let authorization = header("authorization").unwrap_or_default();
        let scope = authorization.split_once("Credential=").map(|(_, rest)| rest).unwrap_or_default();
        if scope.split('/').nth(2) != Some(world.aws.region.as_str()) {
            return Err(error::wrong_region(&world.aws.region));
        }
        let signed = authorization.split_once("SignedHeaders=").map(|(_, rest)| rest).unwrap_or_default();
        let mut signed = signed.split(',').next().unwrap_or_default().split(';');
        if key.session_token.is_some() && !signed.any(|name| name == "x-amz-security-token") {
            return Err(s3s::S3Error::new(S3ErrorCode::SignatureDoesNotMatch));
        }
        let role = world.aws.roles.get(&key.role).ok_or_else(error::unknown_key)?;
        let partition = role.arn.split(':').nth(1).unwrap_or("aws");
        let session_arn = format!(
            "arn:{partition}:sts::{}:assumed-role/{}/{}",
            world.aws.account, key.role, key.session_name
        );
        Ok(Caller {
            access_key_id: id.to_owned(),
            role: key.role.clone(),
            session: key.session_name.clone(),
            session_arn,
        })
    }

    fn check_bucket(&self, bucket: Option<&str>, headers: &HeaderMap) -> S3Result<()> {
        let Some(bucket) = bucket else { return Ok(()) };
        let world = self.0.world();
        if !world.aws.s3_buckets.contains(bucket) {
            return Err(error::no_such_bucket());
        }
        match headers.get("x-amz-expected-bucket-owner") {
            Some(owner) if owner.as_bytes() != world.aws.account.as_bytes() => Err(error::access_denied()),
            _ => Ok(()),
        }
    }
}

impl Caller {
    pub(super) fn may(&self, handle: &Handle, action: &str, resource: &str) -> S3Result<()> {
        self.may_in(handle, action, resource, &[])
    }

    /// As [`Caller::may`], with condition keys of the request.
    fn may_in(
        &self,
        handle: &Handle,
        action: &str,
        resource: &str,
        context: &[(&str, String)],
    ) -> S3Result<()> {
        let world = handle.world();
        let request = aws::Request::new(action, resource);
        let request = context.iter().fold(request, |request, (key, value)| request.with(key, [value]));
        match session::decide(&world, &self.access_key_id, &request) {
            Decision::Allowed => Ok(()),
            Decision::Denied { explicit, .. } => {
                Err(error::denied(&self.session_arn, action, resource, explicit))
            }
        }
    }
}

/// "Actions, resources, and condition keys for Amazon S3": the keys that a listing's parameters are.
fn context(query: &str) -> Vec<(&'static str, String)> {
    let known = [("prefix", "s3:prefix"), ("delimiter", "s3:delimiter"), ("max-keys", "s3:max-keys")];
    let key = |name: &str| known.into_iter().find(|(parameter, _)| *parameter == name).map(|(_, key)| key);
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.filter_map(|(name, value)| Some((key(&name)?, value.into_owned()))).collect()
}

/// "Actions, resources, and condition keys for Amazon S3": what an operation needs, on the object if it
/// names one, else on the bucket.
fn actions(operation: &str, headers: &HeaderMap) -> Vec<&'static str> {
    let with = |name: &str| headers.contains_key(name);
    match operation {
        "GetObject" | "HeadObject" => vec!["s3:GetObject"],
        "PutObject" | "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => {
            let mut actions = vec!["s3:PutObject"];
            // "How to prevent object overwrites with conditional writes".
            actions.extend(with("if-match").then_some("s3:GetObject"));
            actions.extend(with("x-amz-tagging").then_some("s3:PutObjectTagging"));
            actions
        }
        "DeleteObject" => {
            let mut actions = vec!["s3:DeleteObject"];
            // "How to perform conditional deletes".
            actions.extend(with("if-match").then_some("s3:GetObject"));
            actions
        }
        "AbortMultipartUpload" => vec!["s3:AbortMultipartUpload"],
        "ListParts" => vec!["s3:ListMultipartUploadParts"],
        "ListMultipartUploads" => vec!["s3:ListBucketMultipartUploads"],
        "ListObjects" | "ListObjectsV2" | "HeadBucket" => vec!["s3:ListBucket"],
        "GetBucketLocation" => vec!["s3:GetBucketLocation"],
        "ListBuckets" => vec!["s3:ListAllMyBuckets"],
        // Not answered anyway.
        _ => Vec::new(),
    }
}
