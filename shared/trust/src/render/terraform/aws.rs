//! `aws.tf`

use super::hcl::{File, label, object, reference, texts};
use super::{account_label, in_account, issuer, must_be, resource};
use crate::aws::{Effect, Policy};
use crate::render::plan::{Account, Plan, Role};
use crate::render::{MINT_POLICY, in_stage};
use ::hcl::{Block, Expression};
use std::collections::BTreeSet;

pub fn file(plan: &Plan) -> File {
    let mut file = File::new("aws.tf", &about(plan));
    for (id, account) in plan.accounts.iter().filter(|(_, account)| account.mints) {
        file.add(OUTBOUND, outbound_federation(plan, id, account));
    }
    let services: BTreeSet<&str> = plan.own_roles().map(|(_, _, role)| role.ec2_service()).collect();
    for service in services {
        file.add(
            "Who may take the roles of instances. A person's role is taken by others: name them here.",
            ec2_trust(service),
        );
    }
    for (account, name, role) in plan.own_roles() {
        instance(plan, &mut file, (account, name), role);
    }
    if plan.accounts.values().any(|account| account.mints) {
        let issuers = plan.accounts.iter().filter(|(_, account)| account.mints);
        let issuers = issuers.map(|(id, _)| (id.clone(), issuer(id)));
        file.add("", output("aws_issuers", "By account: the `issuer` of carnet.toml", object(issuers)));
    }
    file
}

const OUTBOUND: &str = "\
On already is fine: it is adopted. It is never switched off here, for others may rely on it; to
give it up without that, `terraform state rm` it.";

fn about(plan: &Plan) -> String {
    let mut about = "\
AWS: who mints, and what for.

Rights: iam:*OutboundWebIdentityFederation*, and for the roles of instances iam:*Role*,
iam:*RolePolicy*, iam:*InstanceProfile* on them. A service control policy can forbid both
iam:EnableOutboundWebIdentityFederation and sts:GetWebIdentityToken.
"
    .to_owned();
    let template: Vec<(&String, &Role)> = plan.accounts.values().flat_map(Account::template_roles).collect();
    if !template.is_empty() {
        about.push_str("\nThe functions' roles are template.yaml's; the other clouds name them:\n");
        for (_, role) in template {
            about.push_str(&format!("  {}\n", role.arn));
        }
    }
    about
}

fn outbound_federation(plan: &Plan, id: &str, account: &Account) -> Block {
    let mut lifecycle = Block::builder("lifecycle").add_attribute(("prevent_destroy", true));
    if let Some(known) = &account.issuer {
        let otherwise = "It is not the issuer that carnet.toml names: correct that and render again.";
        lifecycle = lifecycle.add_block(must_be("postcondition", "issuer_identifier", known, otherwise));
    }
    let block = resource("aws_iam_outbound_web_identity_federation", &account_label(id));
    in_account(plan, id, block).add_block(lifecycle.build()).build()
}

fn instance(plan: &Plan, file: &mut File, (account, name): (&str, &str), role: &Role) {
    let block = resource("aws_iam_role", name)
        .add_attribute(("name", name))
        .add_attribute(("description", role.description()))
        .add_attribute(("permissions_boundary", reference(&["var", "aws_permissions_boundary"])))
        .add_attribute(("assume_role_policy", document_json(role.ec2_service())))
        .add_attribute(("tags", tags(role)));
    let comment = format!("instances.{}{}", role.principal, in_stage(role.stage.as_deref(), &role.region));
    file.add(comment, in_account(plan, account, block).build());
    if let Some(policy) = &role.mint_policy {
        file.add(MINT, policy_document(name, policy));
        let block = resource("aws_iam_role_policy", name)
            .add_attribute(("name", MINT_POLICY))
            .add_attribute(("role", reference(&["aws_iam_role", name, "name"])))
            .add_attribute(("policy", document_json(name)));
        file.add("", in_account(plan, account, block).build());
    }
    let block = resource("aws_iam_instance_profile", name)
        .add_attribute(("name", name))
        .add_attribute(("role", reference(&["aws_iam_role", name, "name"])))
        .add_attribute(("tags", tags(role)));
    file.add("", in_account(plan, account, block).build());
}

pub(super) fn document_json(name: &str) -> Expression {
    reference(&["data", "aws_iam_policy_document", name, "json"])
}

pub(super) fn document(name: &str, statements: impl IntoIterator<Item = Block>) -> Block {
    let block = Block::builder("data").add_label("aws_iam_policy_document").add_label(label(name));
    block.add_blocks(statements).build()
}

/// Who may take an instance's role: EC2, under the name it has in the partition.
fn ec2_trust(service: &str) -> Block {
    let principals = Block::builder("principals")
        .add_attribute(("type", "Service"))
        .add_attribute(("identifiers", Expression::Array(vec![Expression::from(service)])));
    let statement = Block::builder("statement")
        .add_attribute(("actions", Expression::Array(vec![Expression::from("sts:AssumeRole")])))
        .add_block(principals.build());
    document(service, [statement.build()])
}

pub(super) fn policy_document(name: &str, policy: &Policy) -> Block {
    let statements = policy.statement.0.iter().map(|statement| {
        let mut block = Block::builder("statement");
        if let Some(sid) = &statement.sid {
            block = block.add_attribute(("sid", sid.as_str()));
        }
        let effect = match statement.effect {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        };
        block = block
            .add_attribute(("effect", effect))
            .add_attribute(("actions", texts(&statement.action.0)))
            .add_attribute(("resources", texts(&statement.resource.0)));
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
    });
    document(name, statements)
}

const MINT: &str = "\
ForAllValues alone is true when a request names no audience: Null closes that. ForAnyValue would let
one good audience carry a bad one along.";

fn tags(role: &Role) -> Expression {
    object(role.tags().into_iter().map(|(key, value)| (key.to_owned(), Expression::from(value))))
}

fn output(name: &str, description: &str, value: Expression) -> Block {
    let block = Block::builder("output").add_label(name).add_attribute(("description", description));
    block.add_attribute(("value", value)).build()
}
