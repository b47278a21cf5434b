//! What the calls granted, beside what `infra/trust.json` says is to be granted.

use super::machine::{Call, ISSUER, Machine, option};
use serde_json::Value;
use std::collections::BTreeSet;

pub type Grants = BTreeSet<String>;

/// What the clouds were told.
pub fn recorded(machine: &Machine) -> Grants {
    let mut grants = Grants::new();
    let mut each = |beginning: &str, told: fn(&Call) -> String| {
        grants.extend(machine.calls_of(beginning).iter().map(told));
    };
    each("aws iam put-role-policy", |call| {
        let policy: Value = serde_json::from_str(option(call, "--policy-document")).expect("JSON");
        format!("aws: {} may {policy}", option(call, "--role-name"))
    });
    each("aws iam add-role-to-instance-profile", |call| {
        format!("aws: profile {} of {}", option(call, "--instance-profile-name"), option(call, "--role-name"))
    });
    each("az identity federated-credential create", |call| {
        let it = |name| option(call, name);
        let (identity, name) = (it("--identity-name"), it("--name"));
        format!("azure: {identity} {name}: {} {} {}", it("--issuer"), it("--subject"), it("--audiences"))
    });
    each("az role assignment create", |call| {
        let it = |name| option(call, name);
        format!("azure: {} is {} on {}", it("--assignee-object-id"), it("--role"), it("--scope"))
    });
    for kind in ["oidc", "aws"] {
        let creations =
            machine.calls_of(&format!("gcloud iam workload-identity-pools providers create-{kind}"));
        grants.extend(creations.iter().map(|call| {
            let it = |name| option(call, name);
            let takes = if kind == "oidc" { it("--issuer-uri") } else { it("--account-id") };
            let (pool, mapping) = (it("--workload-identity-pool"), it("--attribute-mapping"));
            format!("google: {pool} {} takes {takes} as {mapping}", call[5])
        }));
    }
    grants.extend(machine.calls_of("gcloud storage buckets add-iam-policy-binding").iter().map(|call| {
        format!("google: {} is {} on {}", option(call, "--member"), option(call, "--role"), call[4])
    }));
    grants
}

/// What they are to be told.
pub fn derived(machine: &Machine) -> Grants {
    let trust: Value = serde_json::from_str(&machine.read("infra/trust.json")).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let mut grants = Grants::new();
    for (name, role) in roles(&trust).filter(|(_, role)| role["made_by"] == "documents") {
        grants.insert(format!("aws: profile {name} of {name}"));
        if !role["mint_policy"].is_null() {
            grants.insert(format!("aws: {name} may {}", role["mint_policy"]));
        }
    }
    let azure = &trust["azure"];
    for (name, identity) in azure["identities"].as_object().into_iter().flatten() {
        for credential in identity["credentials"].as_array().expect("a list") {
            let (title, subject) = (text(&credential["name"]), text(&credential["subject"]));
            let audience = text(&azure["audience"]);
            grants.insert(format!("azure: {name} {title}: {ISSUER} {subject} {audience}"));
        }
        for container in identity["containers"].as_array().expect("a list") {
            let (object, account) = (text(&identity["object_id"]), text(&container["account"]));
            let scope = format!(
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/{account}\
                 /blobServices/default/containers/{}",
                text(&container["container"])
            );
            grants.insert(format!("azure: {object} is Storage Blob Data Reader on {scope}"));
        }
    }
    let google = &trust["google"];
    for (id, provider) in google["providers"].as_object().into_iter().flatten() {
        let takes = if provider["kind"] == "oidc" { ISSUER.to_owned() } else { text(&provider["account"]) };
        let pool = text(&google["pool"]);
        let subject = text(&provider["mapping"]["google.subject"]);
        grants.insert(format!("google: {pool} {id} takes {takes} as google.subject={subject}"));
    }
    for (bucket, members) in google["buckets"].as_object().into_iter().flatten() {
        let members = members.as_array().expect("a list").iter();
        grants.extend(members.map(|member| {
            format!("google: {} is roles/storage.objectViewer on gs://{bucket}", text(member))
        }));
    }
    grants
}

/// Every role of every account.
pub fn roles(trust: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let accounts = trust["accounts"].as_object().expect("accounts").values();
    accounts.flat_map(|account| account["roles"].as_object().expect("roles"))
}
