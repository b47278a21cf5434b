//! `az`: managed identities, their federated credentials, and what they read.

use super::shell::{Script, option, quoted};
use super::{issuer_variable, need_issuers};
use crate::config::AzureCloud;
use crate::render::plan::{Azure, Container, Identity, Plan, VaultSecret};
use crate::render::{Document, SECRET_READER, STORAGE_READER};

pub fn scripts(plan: &Plan, azure: &Azure) -> Vec<Document> {
    vec![grant(plan, azure), revoke(azure)]
}

const GRANT: &str = "\
Makes the managed identities, lets the roles in as them, and lets them read the containers. May be
run again. It prints what [azure.identities] of carnet.toml is to hold.

  RESOURCE_GROUP=... LOCATION=... sh commands/azure-grant.sh

Rights: Managed Identity Contributor on the resource group; Role Based Access Control Administrator
on the containers and secrets; reading the storage accounts and vaults. An Azure Policy can forbid federated credentials,
and Conditional Access for workload identities their use. A new credential takes minutes to spread, a
role assignment up to ten.";

fn grant(plan: &Plan, azure: &Azure) -> Document {
    let mut script = Script::new("commands/azure-grant.sh", GRANT);
    script.line("");
    script.need("RESOURCE_GROUP", "the resource group of the managed identities");
    script.need("LOCATION", "where the managed identities are, e.g. westeurope");
    let trusted = |id: &str| {
        let mut credentials = azure.identities.values().flat_map(|identity| &identity.credentials);
        credentials.any(|credential| credential.account == id)
    };
    need_issuers(&mut script, plan, |id, _| trusted(id));
    same_tenant(&mut script, azure);
    for (name, identity) in &azure.identities {
        script.section(&format!("azure.identities.{name}"));
        script.command(
            0,
            "az identity create",
            &identity_options(name, &["--location \"$LOCATION\"", "--output none"]),
        );
        grant_identity(&mut script, azure, name, identity);
    }
    script.document()
}

/// `az identity create` and its kin.
fn identity_options(name: &str, more: &[&str]) -> Vec<String> {
    let fixed = [option("name", name), "--resource-group \"$RESOURCE_GROUP\"".to_owned()];
    fixed.into_iter().chain(more.iter().map(|&option| option.to_owned())).collect()
}

fn same_tenant(script: &mut Script, azure: &Azure) {
    let cloud = match azure.cloud {
        AzureCloud::Public => "AzureCloud",
        AzureCloud::UsGovernment => "AzureUSGovernment",
        AzureCloud::China => "AzureChinaCloud",
    };
    script.line("");
    script.must_be("az cloud show --query name --output tsv", cloud, "the cloud of the Azure CLI");
    script.must_be(
        "az account show --query tenantId --output tsv",
        &azure.tenant_id,
        "the tenant of the Azure CLI",
    );
}

fn ask(script: &mut Script, variable: &str, name: &str, query: &str) {
    script.line(format!("{variable}=$(az identity show {} \\", option("name", name)));
    script.line(format!("  --resource-group \"$RESOURCE_GROUP\" --query {query} --output tsv)"));
}

fn grant_identity(script: &mut Script, azure: &Azure, name: &str, identity: &Identity) {
    ask(script, "client_id", name, "clientId");
    ask(script, "object_id", name, "principalId");
    script.line(format!("echo \"azure.identities.{name}: client_id = $client_id, object_id = $object_id\""));
    for credential in &identity.credentials {
        let options = [
            option("name", &credential.name),
            option("identity-name", name),
            "--resource-group \"$RESOURCE_GROUP\"".to_owned(),
            format!("--issuer \"${}\"", issuer_variable(&credential.account)),
            option("subject", &credential.subject),
            option("audiences", azure.audience),
            "--output none".to_owned(),
        ];
        script.command(0, "az identity federated-credential create", &options);
    }
    for container in &identity.containers {
        scope(script, container);
        assign(script, STORAGE_READER);
    }
    for secret in &identity.secrets {
        secret_scope(script, secret);
        assign(script, SECRET_READER);
    }
}

fn assign(script: &mut Script, role: &str) {
    let options = [
        "--assignee-object-id \"$object_id\"".to_owned(),
        "--assignee-principal-type ServicePrincipal".to_owned(),
        option("role", role),
        "--scope \"$scope\"".to_owned(),
        "--output none".to_owned(),
    ];
    script.command(0, "az role assignment create", &options);
}

fn unassign(script: &mut Script, role: &str) {
    let options =
        ["--assignee \"$object_id\"".to_owned(), option("role", role), "--scope \"$scope\"".to_owned()];
    script.command(0, "attempt az role assignment delete", &options);
}

fn scope(script: &mut Script, Container { account, container }: &Container) {
    script.line(format!(
        "scope=$(az storage account show {} --query id --output tsv)",
        option("name", account)
    ));
    script.line(format!("scope=$scope{}", quoted(&format!("/blobServices/default/containers/{container}"))));
}

fn secret_scope(script: &mut Script, VaultSecret { vault, secret }: &VaultSecret) {
    script.line(format!("scope=$(az keyvault show {} --query id --output tsv)", option("name", vault)));
    script.line(format!("scope=$scope{}", quoted(&format!("/secrets/{secret}"))));
}

const REVOKE: &str = "\
Lets the roles in no more, and takes the identities' reading away. The identities stay: made again,
they would have other ids. Tokens that were given live on, for about an hour.

  RESOURCE_GROUP=... sh commands/azure-revoke.sh

Rights: as for azure-grant.sh.";

fn revoke(azure: &Azure) -> Document {
    let mut script = Script::new("commands/azure-revoke.sh", REVOKE);
    script.line("");
    script.need("RESOURCE_GROUP", "the resource group of the managed identities");
    script.keep_going();
    same_tenant(&mut script, azure);
    for (name, identity) in &azure.identities {
        script.section(&format!(
            "azure.identities.{name}; it goes with: az identity delete {}",
            option("name", name)
        ));
        for credential in &identity.credentials {
            let options = [
                option("name", &credential.name),
                option("identity-name", name),
                "--resource-group \"$RESOURCE_GROUP\"".to_owned(),
                "--yes".to_owned(),
            ];
            script.command(0, "attempt az identity federated-credential delete", &options);
        }
        if !identity.containers.is_empty() || !identity.secrets.is_empty() {
            ask(&mut script, "object_id", name, "principalId");
        }
        for container in &identity.containers {
            scope(&mut script, container);
            unassign(&mut script, STORAGE_READER);
        }
        for secret in &identity.secrets {
            secret_scope(&mut script, secret);
            unassign(&mut script, SECRET_READER);
        }
    }
    script.end_of_attempts();
    script.document()
}
