//! `aws.tf`

use super::hcl::{File, call, json, object, reference};
use super::{account_label, in_account, issuer, must_be, resource};
use crate::render::Unwritable;
use crate::render::plan::{Account, Plan, Role};
use ::hcl::{Block, Expression};

const PATH: &str = "aws.tf";

pub fn file(plan: &Plan) -> Result<File, Unwritable> {
    let mut file = File::new(PATH, &about(plan));
    for (id, account) in plan.accounts.iter().filter(|(_, account)| account.mints) {
        file.add(OUTBOUND, outbound_federation(plan, id, account));
    }
    for (account, name, role) in plan.own_roles() {
        instance(plan, &mut file, (account, name), role)?;
    }
    if plan.accounts.values().any(|account| account.mints) {
        let issuers = plan.accounts.iter().filter(|(_, account)| account.mints);
        let issuers = issuers.map(|(id, _)| (id.clone(), issuer(id)));
        file.add("", output("aws_issuers", "By account: the `issuer` of carnet.toml", object(issuers)));
    }
    Ok(file)
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

fn instance(
    plan: &Plan,
    file: &mut File,
    (account, name): (&str, &str),
    role: &Role,
) -> Result<(), Unwritable> {
    let unwritable = |error: ::hcl::Error| Unwritable { path: PATH, problem: error.to_string() };
    let trust = json(&role.ec2_trust()).map_err(unwritable)?;
    let block = resource("aws_iam_role", name)
        .add_attribute(("name", name))
        .add_attribute(("description", role.description()))
        .add_attribute(("permissions_boundary", reference(&["var", "aws_permissions_boundary"])))
        .add_attribute(("assume_role_policy", call("jsonencode", trust)))
        .add_attribute(("tags", tags(role)));
    let comment = format!("instances.{}{}", role.principal, in_stage(role));
    file.add(comment, in_account(plan, account, block).build());
    if let Some(policy) = &role.mint_policy {
        let policy = json(policy).map_err(unwritable)?;
        let block = resource("aws_iam_role_policy", name)
            .add_attribute(("name", "mint-proofs"))
            .add_attribute(("role", reference(&["aws_iam_role", name, "name"])))
            .add_attribute(("policy", call("jsonencode", policy)));
        file.add(MINT, in_account(plan, account, block).build());
    }
    let block = resource("aws_iam_instance_profile", name)
        .add_attribute(("name", name))
        .add_attribute(("role", reference(&["aws_iam_role", name, "name"])))
        .add_attribute(("tags", tags(role)));
    file.add("", in_account(plan, account, block).build());
    Ok(())
}

const MINT: &str = "\
ForAllValues alone is true when a request names no audience: Null closes that. ForAnyValue would let
one good audience carry a bad one along.";

fn in_stage(role: &Role) -> String {
    role.stage.as_ref().map(|stage| format!(", stage {stage}, {}", role.region)).unwrap_or_default()
}

fn tags(role: &Role) -> Expression {
    object(role.tags().into_iter().map(|(key, value)| (key.to_owned(), Expression::from(value))))
}

fn output(name: &str, description: &str, value: Expression) -> Block {
    let block = Block::builder("output").add_label(name).add_attribute(("description", description));
    block.add_attribute(("value", value)).build()
}
