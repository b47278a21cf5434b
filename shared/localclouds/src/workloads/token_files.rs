//! Tokens in files, as Kubernetes gives them to a pod: each for one audience, written anew in time.
//!
//! Kubernetes, "Configure Service Accounts for Pods" ("ServiceAccount token volume projection"): the
//! kubelet replaces a token at 80 per cent of its life. The clusters differ in their issuers' names, and in
//! whether these end with a slash.

use crate::faults;
use crate::jwt::{Algorithm, KeyError};
use crate::local::Handle;
use crate::world::workloads::Cluster;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Below [`Options::folder`](crate::Options).
pub const FOLDER: &str = "tokens";

/// A token of the cluster's pod, as it is in its file but for the line break.
pub fn token(handle: &Handle, cluster: &Cluster, audience: &str) -> Result<String, KeyError> {
    let now = faults::now_seconds();
    let claims = json!({
        "iss": cluster.issuer,
        "sub": cluster.subject(),
        "aud": [audience],
        "iat": now, "nbf": now, "exp": now + cluster.lifetime.as_secs() as i64,
        "jti": Uuid::new_v4().to_string(),
        "kubernetes.io": {
            "namespace": cluster.namespace,
            "pod": { "name": cluster.pod, "uid": "4a9c1b7e-6a2f-4e0c-9d41-6d1b0a7d5f11" },
            "serviceaccount": { "name": cluster.service_account, "uid": "c7d0a0b5-6f1f-4c3b-8a54-0f8f6f3f2b22" },
        },
    });
    handle.other_keys()?.sign(&claims, Algorithm::Rs256)
}

/// At once or not at all: whoever reads it never has half a token.
pub fn write(handle: &Handle, cluster: &Cluster, audience: &str, path: &Path) -> io::Result<()> {
    let mut text = token(handle, cluster, audience).map_err(io::Error::other)?;
    if cluster.line_break {
        text.push('\n');
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    fs::write(&partial, text)?;
    fs::rename(&partial, path)
}

/// Cluster to audience's name to file.
pub type Files = BTreeMap<String, BTreeMap<String, PathBuf>>;

/// Every file of every cluster of the world.
pub(crate) fn write_all(handle: &Handle, folder: &Path) -> io::Result<Files> {
    let clusters = handle.world().workloads.clusters.clone();
    let folder = std::path::absolute(folder.join(FOLDER))?;
    let mut files = Files::new();
    for (name, cluster) in &clusters {
        fs::create_dir_all(&folder)?;
        let of_cluster = files.entry(name.clone()).or_default();
        for (known_by, audience) in &cluster.audiences {
            let path = folder.join(format!("{name}-{known_by}"));
            write(handle, cluster, audience, &path)?;
            of_cluster.insert(known_by.clone(), path);
        }
    }
    Ok(files)
}

/// Replaces them in time, until it is dropped.
pub(crate) struct Kubelet(JoinHandle<()>);

impl Kubelet {
    pub(crate) fn start(handle: &Handle, folder: &Path) -> Option<Self> {
        let shortest = handle.world().workloads.clusters.values().map(|cluster| cluster.lifetime).min()?;
        let period = (shortest * 4 / 5).max(Duration::from_secs(1));
        let (handle, folder) = (Handle::clone(handle), folder.to_owned());
        Some(Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(period).await;
                if let Err(error) = write_all(&handle, &folder) {
                    tracing::warn!(%error, "the token files could not be written anew");
                }
            }
        })))
    }
}

impl Kubelet {
    /// Then no file is written any more.
    pub(crate) async fn stop(mut self) {
        self.0.abort();
        // Cancelled is what it is meant to be.
        let _ = (&mut self.0).await;
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.0.abort();
    }
}
