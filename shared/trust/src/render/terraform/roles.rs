//! `roles.tf`: who may come into AWS.

use super::aws::{document, document_json, policy_document};
use super::hcl::{File, label, object, reference, texts};
use super::{account_label, in_account, resource};
use crate::aws::role_trust::{RoleTrust, TrustStatement};
use crate::render::plan::{Inbound, Plan};
use crate::render::{READ_POLICY, in_stage};
use ::hcl::{Block, Expression};

const ABOUT: &str = "\
AWS: who may come in, each with a role of its own that trusts one issuer's tokens.

Rights: iam:*OpenIDConnectProvider*, and on the roles iam:*Role*, iam:*RolePolicy*. A provider exists
once an account: one that is there already is adopted with `terraform import`.";

const PROVIDER: &str = "\
Whose tokens may take roles, and for which audiences. Nothing follows from it alone: each role says
which of its tokens it takes.";

pub fn file(plan: &Plan) -> File {
    let mut file = File::new("roles.tf", ABOUT);
    for (id, account) in &plan.accounts {
        for (host, client_ids) in &account.oidc_providers {
            let block = resource("aws_iam_openid_connect_provider", &provider_label(id, host))
                .add_attribute(("url", format!("https://{host}")))
                .add_attribute(("client_id_list", texts(client_ids)));
            file.add(PROVIDER, in_account(plan, id, block).build());
        }
    }
    for (id, account) in &plan.accounts {
        for (name, role) in &account.inbound {
            inbound(plan, &mut file, (id, name), role);
        }
    }
    file
}

fn provider_label(account: &str, host: &str) -> String {
    format!("{}_{host}", account_label(account))
}

fn inbound(plan: &Plan, file: &mut File, (account, name): (&str, &str), role: &Inbound) {
    let boundary = match &role.permissions_boundary {
        Some(arn) => Expression::from(arn.as_str()),
        None => reference(&["var", "aws_permissions_boundary"]),
    };
    let trust = format!("{name}-trust");
    let comment = format!("roles.{}{}", role.principal, in_stage(role.stage.as_deref(), &role.region));
    file.add(comment, document(&trust, trust_statements(account, role)));
    let block = resource("aws_iam_role", name)
        .add_attribute(("name", name))
        .add_attribute(("description", role.description()))
        .add_attribute(("max_session_duration", role.max_session_seconds))
        .add_attribute(("permissions_boundary", boundary))
        .add_attribute(("assume_role_policy", document_json(&trust)))
        .add_attribute(("tags", tags(role)));
    file.add("", in_account(plan, account, block).build());
    file.add("", policy_document(name, &role.read_policy));
    let block = resource("aws_iam_role_policy", name)
        .add_attribute(("name", READ_POLICY))
        .add_attribute(("role", reference(&["aws_iam_role", name, "name"])))
        .add_attribute(("policy", document_json(name)));
    file.add("", in_account(plan, account, block).build());
}

fn tags(role: &Inbound) -> Expression {
    object(role.tags.iter().map(|(key, value)| (key.clone(), Expression::from(value.as_str()))))
}

fn trust_statements(account: &str, role: &Inbound) -> Vec<Block> {
    let RoleTrust { statement, .. } = &role.trust;
    statement.0.iter().map(|statement| trust_statement(account, role, statement)).collect()
}

fn trust_statement(account: &str, role: &Inbound, statement: &TrustStatement) -> Block {
    // The provider that is made here, so that it is made first; a built-in one by its name.
    let provider = match &role.provider {
        Some(host) => {
            reference(&["aws_iam_openid_connect_provider", &label(&provider_label(account, host)), "arn"])
        }
        None => Expression::from(role.host.as_str()),
    };
    let principals = Block::builder("principals")
        .add_attribute(("type", "Federated"))
        .add_attribute(("identifiers", Expression::Array(vec![provider])));
    let mut block = Block::builder("statement")
        .add_attribute(("effect", "Allow"))
        .add_attribute(("actions", texts(&statement.action.0)))
        .add_block(principals.build());
    for (operator, keys) in &statement.condition {
        for (key, values) in keys {
            let condition = Block::builder("condition")
                .add_attribute(("test", operator.to_string()))
                .add_attribute(("variable", key.as_str()))
                .add_attribute(("values", texts(&values.0)));
            block = block.add_block(condition.build());
        }
    }
    block.build()
}
