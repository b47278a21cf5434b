//! `azure.tf`

use super::hcl::{File, at_key, object, reference, text};
use super::{issuer, resource};
use crate::render::plan::{Azure, Container, Credential, Identity, VaultSecret};
use crate::render::{SECRET_READER, STORAGE_READER};
use ::hcl::{Block, Expression};

const ABOUT: &str = "\
Azure: which role is whom, and what that identity reads.

Rights: Managed Identity Contributor on the resource group; Role Based Access Control Administrator
on the containers and secrets. An Azure Policy can forbid federated credentials, and Conditional Access for
workload identities their use. A new credential takes minutes to spread, a role assignment up to ten.

Entra compares issuer, subject and audience letter by letter, and takes 20 credentials an identity.";

pub fn file(azure: &Azure) -> File {
    let mut file = File::new("azure.tf", ABOUT);
    for (name, identity) in &azure.identities {
        file.add(about_identity(name, identity), managed_identity(name));
        for credential in &identity.credentials {
            file.add("", federated_credential(name, azure, credential));
        }
        for container in &identity.containers {
            file.add(READER, role_assignment(name, container));
        }
        for secret in &identity.secrets {
            file.add(SECRET, secret_assignment(name, secret));
        }
    }
    let ids = azure.identities.keys().map(|name| {
        let id = |attribute: &str| reference(&["azurerm_user_assigned_identity", name, attribute]);
        let ids = [("client_id", id("client_id")), ("object_id", id("principal_id"))];
        (name.clone(), object(ids.map(|(key, value)| (key.to_owned(), value))))
    });
    let description = "What [azure.identities] of carnet.toml holds";
    let output = Block::builder("output").add_label("azure_identities");
    let output = output.add_attribute(("description", description)).add_attribute(("value", object(ids)));
    if !azure.identities.is_empty() {
        file.add("", output.build());
    }
    file
}

const READER: &str = "Reading, on the one container. The scope is the container's, not the account's.";

const SECRET: &str = "\
Reading, of the one secret. The vault must use Azure RBAC; one with access policies does not look at it.";

fn about_identity(name: &str, identity: &Identity) -> String {
    format!(
        "azure.identities.{name}. One that exists is taken over by\n  terraform import azurerm_user_assigned_identity.{name} RESOURCE_ID\nwhere RESOURCE_ID is that of client id {}.",
        identity.client_id
    )
}

fn managed_identity(name: &str) -> Block {
    resource("azurerm_user_assigned_identity", name)
        .add_attribute(("name", name))
        .add_attribute(("resource_group_name", reference(&["var", "azure_resource_group"])))
        .add_attribute(("location", reference(&["var", "azure_location"])))
        .build()
}

fn federated_credential(identity: &str, azure: &Azure, credential: &Credential) -> Block {
    resource("azurerm_federated_identity_credential", &credential.name)
        .add_attribute(("name", credential.name.as_str()))
        .add_attribute(("user_assigned_identity_id", id_of(identity)))
        .add_attribute(("issuer", issuer(&credential.account)))
        .add_attribute(("subject", credential.subject.as_str()))
        .add_attribute(("audience", Expression::Array(vec![Expression::from(azure.audience)])))
        .build()
}

fn id_of(identity: &str) -> Expression {
    reference(&["azurerm_user_assigned_identity", identity, "id"])
}

fn role_assignment(identity: &str, Container { account, container }: &Container) -> Block {
    let account_id = at_key(&["var", "azure_storage_account_ids"], account);
    let scope = text("", account_id, &format!("/blobServices/default/containers/{container}"));
    assignment(identity, &format!("{identity}-{account}-{container}"), scope, STORAGE_READER)
}

fn secret_assignment(identity: &str, VaultSecret { vault, secret }: &VaultSecret) -> Block {
    let vault_id = at_key(&["var", "azure_key_vault_ids"], vault);
    let scope = text("", vault_id, &format!("/secrets/{secret}"));
    assignment(identity, &format!("{identity}-{vault}-{secret}"), scope, SECRET_READER)
}

fn assignment(identity: &str, label: &str, scope: Expression, role: &str) -> Block {
    resource("azurerm_role_assignment", label)
        .add_attribute(("scope", scope))
        .add_attribute(("role_definition_name", role))
        .add_attribute((
            "principal_id",
            reference(&["azurerm_user_assigned_identity", identity, "principal_id"]),
        ))
        .add_attribute(("principal_type", "ServicePrincipal"))
        .build()
}
