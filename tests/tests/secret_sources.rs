//! Key Vault and Secret Manager against their stand-ins: the suite that every source must pass, and what is
//! each one's own.

use carnet_federation::adapter::azure::AzureCredential;
use carnet_federation::config::{Env, Faults};
use carnet_federation::{BoxFuture, Error, Kind};
use carnet_localclouds::faults::Hop;
use carnet_localclouds::world::VersionState;
use carnet_secrets::azure::{KeyVaultSettings, KeyVaults};
use carnet_secrets::conformance::{Fixture, run};
use carnet_secrets::google::{SecretManager, read_endpoint};
use carnet_secrets::{SecretSource, SecretUrl, Secrets};
use carnet_tests::secrets::{API_KEY, DB_PASSWORD};
use carnet_tests::{OBJECT, SECRETS_PROJECT, Stage, VAULT, secrecy};
use std::time::SystemTime;

struct InVault<'s>(&'s Stage);
struct InProject<'s>(&'s Stage);

impl Fixture for InVault<'_> {
    fn put<'a>(&'a self, name: &'a str, value: &'a [u8]) -> BoxFuture<'a, String> {
        let text = std::str::from_utf8(value).expect("Key Vault holds text");
        let id = self.0.with_vault(|vault| {
            vault.users.insert(OBJECT.to_owned());
            vault.put(name, text)
        });
        Box::pin(std::future::ready(id))
    }

    fn disable<'a>(&'a self, name: &'a str, version: &'a str) -> BoxFuture<'a, ()> {
        self.0.with_vault(|vault| {
            let versions = vault.secrets.get_mut(name).expect("the secret");
            versions.iter_mut().find(|known| known.id == version).expect("the version").enabled = false;
        });
        Box::pin(std::future::ready(()))
    }

    fn deny<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        self.0.with_vault(|vault| {
            vault.users.clear();
            vault.users_of.clear();
        });
        Box::pin(std::future::ready(()))
    }

    fn holder(&self) -> String {
        VAULT.to_owned()
    }

    fn holds_binary(&self) -> bool {
        false
    }

    fn unknown_version(&self) -> String {
        "0".repeat(32)
    }
}

impl Fixture for InProject<'_> {
    fn put<'a>(&'a self, name: &'a str, value: &'a [u8]) -> BoxFuture<'a, String> {
        let number = self.0.with_secret(name, |secret| secret.put(value));
        Box::pin(std::future::ready(number.to_string()))
    }

    fn disable<'a>(&'a self, name: &'a str, version: &'a str) -> BoxFuture<'a, ()> {
        let index = version.parse::<usize>().expect("a number") - 1;
        self.0.with_secret(name, |secret| secret.versions[index].state = VersionState::Disabled);
        Box::pin(std::future::ready(()))
    }

    fn deny<'a>(&'a self, name: &'a str) -> BoxFuture<'a, ()> {
        self.0.with_secret(name, |secret| {
            secret.accessors.clear();
            secret.viewers.clear();
        });
        Box::pin(std::future::ready(()))
    }

    fn holder(&self) -> String {
        SECRETS_PROJECT.to_owned()
    }

    fn holds_binary(&self) -> bool {
        true
    }

    fn unknown_version(&self) -> String {
        "4711".to_owned()
    }
}

async fn vaults(stage: &Stage) -> KeyVaults {
    let env: Env = stage.env().into_iter().collect();
    let settings = KeyVaultSettings::read(&env, &mut Faults::default()).unwrap();
    let credential = AzureCredential::new(stage.credential(|_| {}).await.unwrap());
    KeyVaults::new(&stage.http(), credential, settings)
}

async fn projects(stage: &Stage) -> SecretManager {
    let env: Env = stage.env().into_iter().collect();
    let endpoint = read_endpoint(&env, "googleapis.com", &mut Faults::default()).unwrap();
    SecretManager::new(&stage.http(), stage.google(|_| {}).await.unwrap(), endpoint)
}

#[tokio::test(flavor = "multi_thread")]
async fn key_vault_conforms() {
    let stage = Stage::new().await;
    run(&vaults(&stage).await, &InVault(&stage)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_manager_conforms() {
    let stage = Stage::new().await;
    run(&projects(&stage).await, &InProject(&stage)).await;
}

fn url(text: &str) -> SecretUrl {
    text.parse().unwrap()
}

async fn opened(stage: &Stage, secret: &SecretUrl) -> Secrets {
    let env: Env = stage.env().into_iter().collect();
    let held = stage.session(&stage.http(), stage.access_key(None)).await.unwrap();
    let settings =
        carnet_federation::config::gather(|faults| carnet_secrets::Settings::read(&env, [secret], faults));
    settings.unwrap().open_on(&env, held).await.unwrap()
}

async fn refused(stage: &Stage, secret: &str) -> Error {
    let secret = url(secret);
    let error = opened(stage, &secret).await.read(&secret).await.expect_err("no value");
    secrecy::assert_kept(&error);
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_of_a_vault_has_its_own_words() {
    secrecy::watch();
    let stage = Stage::new().await;
    let secret = "keyvault://carnet-test/db-password";
    let value = opened(&stage, &url(secret)).await.read(&url(secret)).await.unwrap();
    assert_eq!(value.value.expose(), DB_PASSWORD.as_bytes());
    let missing = refused(&stage, &format!("{secret}/{}", "0".repeat(32))).await;
    assert_eq!((missing.kind(), missing.code()), (Kind::NotFound, Some("SecretNotFound")));
    let denied = refused(&stage, "keyvault://carnet-test/another").await;
    assert_eq!((denied.kind(), denied.code()), (Kind::Forbidden, Some("ForbiddenByRbac")));
    let shown = denied.to_string();
    assert!(shown.contains("Key Vault Secrets User") && shown.contains("client id"), "{shown}");
    assert!(denied.request_id().is_some());
    stage.with_vault(|vault| vault.firewalled = true);
    let firewall = refused(&stage, secret).await;
    assert_eq!((firewall.kind(), firewall.code()), (Kind::Forbidden, Some("ForbiddenByFirewall")));
    assert!(firewall.to_string().contains("#key-vault-firewall"), "{firewall}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_answers_for_another_service_gets_no_token() {
    let stage = Stage::new().await;
    let challenge =
        "azure.key_vault=status:401:www-authenticate=Bearer authorization=\"https\", resource=\"https%3A\"";
    stage.fault(challenge);
    let error = refused(&stage, "keyvault://carnet-test/db-password").await;
    assert!(error.to_string().contains("#key-vault-challenge"), "{error}");
    assert_eq!(stage.count(Hop::EntraToken), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_taken_is_renewed_once() {
    for (secret, hop, rule) in [
        ("keyvault://carnet-test/db-password", Hop::EntraToken, "azure.key_vault=status:401*1"),
        ("secretmanager://carnet-test/api-key", Hop::GoogleSts, "google.secret_manager=status:401*1"),
    ] {
        let stage = Stage::new().await;
        let secret = url(secret);
        let secrets = opened(&stage, &secret).await;
        secrets.read(&secret).await.unwrap();
        stage.fault(rule);
        secrets.read(&secret).await.unwrap();
        assert_eq!(stage.count(hop), 2, "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_was_damaged_on_its_way_is_read_again_or_refused() {
    let stage = Stage::new().await;
    let secret = url("secretmanager://carnet-test/api-key");
    let secrets = opened(&stage, &secret).await;
    // So long that the middle of the answer is the value's.
    let long = API_KEY.repeat(100);
    stage.with_secret("api-key", |kept| kept.put(long.as_bytes()));
    stage.fault("google.secret_manager=corrupt*1");
    assert_eq!(secrets.read(&secret).await.unwrap().value.expose(), long.as_bytes());
    assert_eq!(stage.count(Hop::SecretManager), 2);
    stage.local.shared.faults.clear();
    stage.fault("google.secret_manager=malformed-json");
    let error = secrets.read(&secret).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Malformed);
    stage.local.shared.faults.clear();
    stage.fault("google.secret_manager=oversize");
    assert_eq!(secrets.read(&secret).await.unwrap_err().kind(), Kind::Malformed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_current_is_asked_without_reading_values_and_two_of_one_second_are_told_apart() {
    let stage = Stage::new().await;
    let vaults = vaults(&stage).await;
    let then = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let (old, new) = stage.with_vault(|vault| {
        vault.users.insert(OBJECT.to_owned());
        let ids = (vault.put("twins", "one"), vault.put("twins", "two"));
        vault.secrets.get_mut("twins").unwrap().iter_mut().for_each(|version| version.created = then);
        ids
    });
    let SecretUrl::KeyVault(twins) = url("keyvault://carnet-test/twins") else { unreachable!() };
    let found = vaults.describe(&twins).await.unwrap();
    assert!(found.id == new && found.id != old, "the vault itself knows which");
    let SecretUrl::KeyVault(single) = url("keyvault://carnet-test/db-password") else { unreachable!() };
    let paths = || {
        let seen = stage.local.shared.faults.seen(Hop::KeyVault);
        seen.into_iter().map(|request| request.path).collect::<Vec<_>>()
    };
    let before = paths().len();
    vaults.describe(&single).await.unwrap();
    let asked = paths().split_off(before);
    assert!(!asked.is_empty() && asked.iter().all(|path| path.contains("/versions")), "{asked:?}");
}
