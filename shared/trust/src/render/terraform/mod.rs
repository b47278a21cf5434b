//! Terraform: a root module, one file a cloud.
//!
//! | module | what it writes |
//! |---|---|
//! | this one | `versions.tf`: the providers, and whom they act as; `variables.tf` |
//! | `aws`, `azure`, `google` | a cloud's resources |
//! | `roles` | the roles into AWS, and their providers |
//! | `hcl` | blocks and comments, written and read back |

mod aws;
mod azure;
mod google;
mod hcl;
mod roles;

use self::hcl::{File, object, reference};
use super::plan::{Account, Plan};
use super::{Document, Unwritable};
use crate::config::AzureCloud;
use ::hcl::expr::Traversal;
use ::hcl::structure::BlockBuilder;
use ::hcl::{Block, Expression};

pub fn documents(plan: &Plan) -> Result<Vec<Document>, Unwritable> {
    let mut documents =
        vec![versions(plan).document()?, variables(plan).document()?, aws::file(plan).document()?];
    if let Some(azure) = &plan.azure {
        documents.push(azure::file(azure).document()?);
    }
    if let Some(google) = &plan.google {
        documents.push(google::file(google).document()?);
    }
    if plan.accounts.values().any(|account| !account.inbound.is_empty()) {
        documents.push(roles::file(plan).document()?);
    }
    Ok(documents)
}

fn resource(kind: &str, name: &str) -> BlockBuilder {
    Block::builder("resource").add_label(kind).add_label(hcl::label(name))
}

/// What things of an AWS account are called here.
fn account_label(id: &str) -> String {
    format!("account_{id}")
}

/// The account that the provider without an alias is for.
fn first_account(plan: &Plan) -> &str {
    plan.accounts.keys().next().map_or("", String::as_str)
}

/// In another account than the first a resource names its provider.
fn in_account(plan: &Plan, account: &str, block: BlockBuilder) -> BlockBuilder {
    if account == first_account(plan) {
        return block;
    }
    block.add_attribute(("provider", reference(&["aws", &account_label(account)])))
}

/// Known when outbound federation is on.
fn issuer(account: &str) -> Expression {
    reference(&["aws_iam_outbound_web_identity_federation", &account_label(account), "issuer_identifier"])
}

fn versions(plan: &Plan) -> File {
    let about = "\
Terraform, its providers, and whom they act as.

Outbound federation is known to hashicorp/aws from 6.26. hashicorp/azurerm 5 names the parent of a
federated credential `user_assigned_identity_id`; 4 called it `parent_id`.";
    let mut file = File::new("versions.tf", about);
    let provider = |name: &str, version: &str| {
        let entries = [("source", format!("hashicorp/{name}")), ("version", version.to_owned())];
        (name.to_owned(), object(entries.map(|(key, value)| (key.to_owned(), Expression::from(value)))))
    };
    let mut providers = Block::builder("required_providers").add_attribute(provider("aws", ">= 6.26, < 7.0"));
    if plan.azure.is_some() {
        providers = providers.add_attribute(provider("azurerm", "~> 5.0"));
    }
    if plan.google.is_some() {
        providers = providers.add_attribute(provider("google", ">= 6.0, < 8.0"));
    }
    let terraform = Block::builder("terraform").add_attribute(("required_version", ">= 1.5"));
    file.add("", terraform.add_block(providers.build()).build());
    for (id, account) in &plan.accounts {
        file.add("Refuses to act in any other account.", aws_provider(plan, id, account));
    }
    if let Some(azure) = &plan.azure {
        let environment = match azure.cloud {
            AzureCloud::Public => "public",
            AzureCloud::UsGovernment => "usgovernment",
            AzureCloud::China => "china",
        };
        let block = Block::builder("provider")
            .add_label("azurerm")
            .add_attribute(("environment", environment))
            .add_attribute(("tenant_id", azure.tenant_id.as_str()))
            .add_attribute(("subscription_id", reference(&["var", "azure_subscription_id"])))
            .add_block(Block::builder("features").build());
        file.add("", block.build());
    }
    if plan.google.is_some() {
        let block = Block::builder("provider").add_label("google");
        file.add("", block.add_attribute(("project", reference(&["var", "google_project_id"]))).build());
    }
    file
}

fn aws_provider(plan: &Plan, id: &str, account: &Account) -> Block {
    let mut block = Block::builder("provider").add_label("aws");
    if id != first_account(plan) {
        block = block.add_attribute(("alias", account_label(id)));
    }
    block = block
        .add_attribute(("region", account.region.as_str()))
        .add_attribute(("allowed_account_ids", Expression::Array(vec![Expression::from(id)])));
    if plan.accounts.len() > 1 {
        block = block.add_attribute(("profile", reference(&["var", &profile_variable(id)])));
    }
    block.build()
}

fn profile_variable(account: &str) -> String {
    format!("aws_profile_{account}")
}

fn variables(plan: &Plan) -> File {
    let mut file =
        File::new("variables.tf", "What carnet.toml does not say: where in each cloud things are made.");
    if plan.accounts.len() > 1 {
        for id in plan.accounts.keys() {
            let description =
                format!("The AWS CLI profile for account {id}; null for the credentials at hand");
            let block = variable(&profile_variable(id), "string", &description);
            file.add("", block.add_attribute(("default", Expression::Null)).build());
        }
    }
    let inbound = plan.accounts.values().any(|account| !account.inbound.is_empty());
    if inbound || plan.own_roles().next().is_some() {
        let description = "The ARN of a policy that bounds the roles made here; null for none";
        let block = variable("aws_permissions_boundary", "string", description);
        file.add("", block.add_attribute(("default", Expression::Null)).build());
    }
    if let Some(azure) = &plan.azure {
        file.add("", variable("azure_subscription_id", "string", "Where the managed identities are").build());
        file.add(
            "",
            variable("azure_resource_group", "string", "The managed identities' resource group").build(),
        );
        file.add("", variable("azure_location", "string", "The managed identities' location").build());
        if azure.identities.values().any(|identity| !identity.containers.is_empty()) {
            let description =
                "Storage account to its resource id: az storage account show --name NAME --query id";
            let comment = "Ids and no data source: that would read the accounts' keys into the state.";
            file.add(comment, variable("azure_storage_account_ids", "map(string)", description).build());
        }
        if azure.identities.values().any(|identity| !identity.secrets.is_empty()) {
            let description = "Key vault to its resource id: az keyvault show --name NAME --query id";
            file.add("", variable("azure_key_vault_ids", "map(string)", description).build());
        }
    }
    if let Some(google) = &plan.google {
        let description = format!("The id of project {}", google.project_number);
        file.add("", variable("google_project_id", "string", &description).build());
    }
    file
}

fn variable(name: &str, kind: &str, description: &str) -> BlockBuilder {
    // A type is a keyword or a call, never text.
    let kind = match kind {
        "map(string)" => hcl::call("map", reference(&["string"])),
        other => reference(&[other]),
    };
    let block = Block::builder("variable").add_label(name);
    block.add_attribute(("type", kind)).add_attribute(("description", description))
}

/// `self.ATTRIBUTE == "value"`, or nothing is done.
fn must_be(kind: &str, attribute: &str, value: &str, otherwise: &str) -> Block {
    let found: Traversal = Traversal::builder(::hcl::expr::Variable::sanitized("self"))
        .attr(::hcl::Identifier::sanitized(attribute))
        .build();
    let equal = ::hcl::expr::BinaryOp::new(found, ::hcl::expr::BinaryOperator::Eq, value);
    let condition = Expression::from(::hcl::expr::Operation::Binary(equal));
    Block::builder(kind)
        .add_attribute(("condition", condition))
        .add_attribute(("error_message", otherwise))
        .build()
}
