//! Who may do what: the bearer token, its scopes, the grants on the bucket.

use super::error::StorageError;
use super::request::{Call, Operation};
use crate::google::bearer::{Bearer, BearerFault};
use crate::local::Handle;
use http::header;
use http::request::Parts;
use std::path::PathBuf;

/// "Cloud Storage authentication" lists the scopes that let objects be read.
const SCOPES: [&str; 5] = [
    "https://www.googleapis.com/auth/devstorage.read_only",
    "https://www.googleapis.com/auth/devstorage.read_write",
    "https://www.googleapis.com/auth/devstorage.full_control",
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/cloud-platform.read-only",
];

/// The bucket a call is allowed on.
pub(crate) struct Place {
    pub bucket: String,
    pub folder: PathBuf,
    /// Without a slash at the end.
    pub base_url: String,
}

/// An IAM permission, and what it is missing on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    GetObject,
    ListObjects,
    CreateObject,
    UpdateObject,
    DeleteObject,
    GetBucket,
    ListBuckets,
    CreateBucket,
    ChangeBucket,
}

impl Permission {
    /// Its name, and what Google calls the resource it is missing on.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Permission::GetObject => ("storage.objects.get", "object"),
            Permission::ListObjects => ("storage.objects.list", "bucket"),
            Permission::CreateObject => ("storage.objects.create", "object"),
            Permission::UpdateObject => ("storage.objects.update", "object"),
            Permission::DeleteObject => ("storage.objects.delete", "object"),
            Permission::GetBucket => ("storage.buckets.get", "bucket"),
            Permission::ListBuckets => ("storage.buckets.list", "project"),
            Permission::CreateBucket => ("storage.buckets.create", "project"),
            Permission::ChangeBucket => ("storage.buckets.update", "bucket"),
        }
    }
}

fn needed(call: &Call) -> Permission {
    match call.operation {
        Operation::List => Permission::ListObjects,
        Operation::Get { .. } | Operation::Media { .. } => Permission::GetObject,
        Operation::Other(permission) => permission,
    }
}

pub(crate) fn authenticate(handle: &Handle, parts: &Parts, call: &Call) -> Result<Bearer, StorageError> {
    let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = handle.google_seal.open(authorization).map_err(|fault| match fault {
        BearerFault::Missing => StorageError::anonymous(needed(call)),
        BearerFault::Invalid | BearerFault::Expired => StorageError::invalid_credentials(),
    })?;
    match SCOPES.iter().any(|scope| bearer.scopes.contains(*scope)) {
        true => Ok(bearer),
        false => Err(StorageError::insufficient_scopes(SCOPES[0])),
    }
}

pub(crate) fn authorize(handle: &Handle, bearer: &Bearer, call: &Call) -> Result<Place, StorageError> {
    if call.bucket.is_empty() {
        return Err(StorageError::denied(bearer, needed(call)));
    }
    let world = handle.world();
    // Bucket names are one namespace that anyone can probe ("Bucket naming guidelines"): who has a
    // token is told of a missing one.
    let bucket = world.google.buckets.get(&call.bucket).ok_or_else(StorageError::no_such_bucket)?;
    if bearer.federated && !bucket.uniform_access {
        return Err(StorageError::takes_no_federated_token());
    }
    if bearer.members.is_disjoint(&bucket.readers) {
        return Err(StorageError::denied(bearer, needed(call)));
    }
    let base_url = handle.endpoints.get().map(|all| all.google_storage.clone()).unwrap_or_default();
    Ok(Place { bucket: call.bucket.clone(), folder: bucket.folder.clone(), base_url })
}
