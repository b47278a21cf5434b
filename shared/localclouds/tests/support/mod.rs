//! A small world for tests of single stand-ins: one role, no listener but those a test starts.

// Each test file uses a part of this.
#![allow(dead_code)]

use carnet_localclouds::local::{Endpoints, Handle, Shared};
use carnet_localclouds::world::{self, World};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::time::Duration;

pub const ROLE: &str = "reader-role";
pub const TENANT: &str = "11111111-2222-3333-4444-555555555555";

pub fn world() -> World {
    let role = world::Role {
        arn: format!("arn:aws:iam::111122223333:role/{ROLE}"),
        id: "AROAEXAMPLEEXAMPLE000".to_owned(),
        policies: Vec::new(),
        tags: BTreeMap::new(),
        trust: None,
        max_session: world::Role::MAX_SESSION,
    };
    World {
        aws: world::Aws {
            issuer: "https://issuer.invalid".to_owned(),
            account: "111122223333".to_owned(),
            region: "eu-central-1".to_owned(),
            org_id: None,
            outbound_federation: true,
            roles: BTreeMap::from([(ROLE.to_owned(), role)]),
            access_keys: BTreeMap::new(),
            session_policies: BTreeMap::new(),
            oidc_providers: BTreeMap::new(),
            s3_buckets: BTreeSet::new(),
        },
        entra: world::Entra {
            tenant_id: TENANT.to_owned(),
            applications: BTreeMap::new(),
            token_lifetime: Duration::from_secs(3600),
        },
        azure: world::Azure { accounts: BTreeMap::new(), vaults: BTreeMap::new() },
        functions: BTreeMap::new(),
        operator: String::new(),
        operator_client_id: None,
        google: Default::default(),
        workloads: Default::default(),
        issuers: BTreeSet::new(),
        operator_provider: None,
        operator_service_account: None,
    }
}

pub fn account(folder: PathBuf, readers: &[&str], hierarchical: bool) -> world::StorageAccount {
    let readers: BTreeSet<String> = readers.iter().map(|id| (*id).to_owned()).collect();
    let container = world::Container { folder, readers };
    world::StorageAccount {
        containers: BTreeMap::from([("docs".to_owned(), container)]),
        firewalled: false,
        hierarchical_namespace: hierarchical,
    }
}

pub fn handle(world: World) -> Handle {
    install_crypto();
    let shared = Shared::new(world).unwrap();
    let _ = shared.endpoints.set(Endpoints {
        aws_sts: "https://127.0.0.1:1".to_owned(),
        aws_iam: "https://127.0.0.1:1".to_owned(),
        aws_issuer: "https://127.0.0.1:1".to_owned(),
        aws_s3: "https://127.0.0.1:1".to_owned(),
        entra_authority: "https://127.0.0.1:1".to_owned(),
        azure_blob: "https://127.0.0.1:1".to_owned(),
        google_sts: "https://127.0.0.1:1".into(),
        google_iam_credentials: "https://127.0.0.1:1".into(),
        google_accounts: "https://127.0.0.1:1".into(),
        google_storage: "https://127.0.0.1:1".into(),
        key_vault: "https://127.0.0.1:1".into(),
        secret_manager: "https://127.0.0.1:1".into(),
        workloads: Default::default(),
    });
    Arc::new(shared)
}

fn install_crypto() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

pub fn client() -> reqwest::Client {
    install_crypto();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A folder of the test run's own, removed when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(uuid::Uuid::new_v4().to_string());
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> PathBuf {
        self.0.clone()
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An access token as Entra gives it.
pub fn token(handle: &Handle, object_id: &str, audience: &str) -> String {
    let now =
        std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = serde_json::json!({
        "iss": format!("https://sts.windows.net/{TENANT}/"),
        "aud": audience,
        "oid": object_id,
        "sub": object_id,
        "tid": TENANT,
        "appid": "77777777-0000-0000-0000-000000000000",
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
    });
    handle.entra_keys.sign(&claims, carnet_localclouds::jwt::Algorithm::Rs256).unwrap()
}
