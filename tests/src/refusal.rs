//! One wrong thing at a time: the caller gets a problem without internals, the operator one line
//! that names the hop, the field, what was presented and what to change.

use crate::Stage;
use crate::api::{BLOB_API, Door};
use crate::secrecy::SECRETS;
use carnet_localclouds::World;
use carnet_localclouds::world::Provider;
use serde_json::Value;

/// What is wrong, and how it must show.
pub struct Case {
    pub door: Door,
    pub environment: &'static [(&'static str, &'static str)],
    pub change: fn(&mut World),
    pub fault: Option<&'static str>,
    pub slug: &'static str,
    /// Parts of the operator's line.
    pub line: &'static [&'static str],
}

pub const CASE: Case = Case {
    door: BLOB_API,
    environment: &[],
    change: |_| {},
    fault: None,
    slug: "upstream-refused",
    line: &[],
};

pub async fn shows(case: Case) {
    let function = case.door.function;
    let stage = Stage::serving_with(function, case.environment).await;
    stage.put("hello.txt", "hello");
    (case.change)(&mut stage.local.shared.world_mut());
    if let Some(fault) = case.fault {
        stage.fault(fault);
    }
    let url = format!("{}{}/hello.txt", stage.api(function), case.door.place);
    let answer = stage.client().get(url).send().await.expect("an answer");
    let status = answer.status();
    let text = answer.text().await.expect("a text");
    let problem: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"));
    assert_eq!(problem["type"], format!("urn:carnet:problem:{}", case.slug), "{problem}");
    for internal in ["AADSTS", "arn:", "127.0.0.1", "tenant", "googleapis", "Authorization", "eyJ", "ya29."] {
        assert!(!text.contains(internal), "{internal} in {text}");
    }
    let lines = stage.function(function).logs().lines();
    let line =
        lines.iter().find(|line| line.contains("request failed")).unwrap_or_else(|| panic!("{lines:#?}"));
    for part in case.line.iter().chain(&["docs/troubleshooting.md#"]) {
        assert!(line.contains(part), "{part} in {line}");
    }
    for secret in SECRETS {
        assert!(!lines.iter().any(|line| line.contains(secret)), "{secret} in {lines:#?}");
    }
}

/// Changes every provider of Google's.
pub fn providers(world: &mut World, change: impl Fn(&mut Provider)) {
    world.google.pools.values_mut().flat_map(|pool| pool.providers.values_mut()).for_each(change);
}

/// Gives every provider this mapping and no other.
pub fn map(world: &mut World, subject: &str) {
    providers(world, |provider| {
        provider.trust.mapping = [("google.subject".to_owned(), subject.to_owned())].into();
    });
}
