//! `aws`: outbound federation, and the roles of instances.

use super::issuer_variable;
use super::shell::{Script, option, quoted};
use crate::render::plan::{Account, MadeBy, Plan, Role};
use crate::render::{Document, MINT_POLICY};

pub fn scripts(plan: &Plan) -> Vec<Document> {
    vec![grant(plan), revoke(plan)]
}

const GRANT: &str = "\
Switches outbound federation on and makes the roles of instances, in the account that the AWS CLI
acts in: run it once an account. May be run again. It prints the account's issuer, as a variable that
the other clouds' scripts read:
  issuers=$(sh commands/aws-grant.sh) && eval \"$issuers\"
PERMISSIONS_BOUNDARY, if set, is the ARN of the policy that bounds the roles it makes.

Rights: iam:EnableOutboundWebIdentityFederation, iam:GetOutboundWebIdentityFederationInfo; for roles
of instances iam:GetRole, CreateRole, UpdateAssumeRolePolicy, PutRolePermissionsBoundary, TagRole,
GetRolePolicy, PutRolePolicy, DeleteRolePolicy, PassRole, GetInstanceProfile, CreateInstanceProfile,
TagInstanceProfile, AddRoleToInstanceProfile. A service control policy can forbid these, and
sts:GetWebIdentityToken itself.

The functions' roles are made by template.yaml.";

fn grant(plan: &Plan) -> Document {
    let mut script = Script::new("commands/aws-grant.sh", GRANT);
    begin_accounts(&mut script);
    for (id, account) in &plan.accounts {
        script.line(format!("  {id})"));
        if account.mints {
            switch_on(&mut script, id, account);
        }
        for (name, role) in own_roles(account) {
            grant_role(&mut script, name, role);
        }
        script.line("    ;;");
    }
    end_accounts(&mut script);
    script.document()
}

fn begin_accounts(script: &mut Script) {
    script.line("");
    script.line("account=$(aws sts get-caller-identity --query Account --output text)");
    script.line("case \"$account\" in");
}

fn end_accounts(script: &mut Script) {
    script.line("  *)");
    script.line("    echo \"carnet.toml names no account $account: nothing is done\" >&2");
    script.line("    exit 1");
    script.line("    ;;");
    script.line("esac");
}

fn own_roles(account: &Account) -> impl Iterator<Item = (&String, &Role)> {
    account.roles.iter().filter(|(_, role)| role.made_by == MadeBy::Documents)
}

fn switch_on(script: &mut Script, id: &str, account: &Account) {
    script.line("    # Asking fails while it is off. Whatever else is wrong shows when it is switched on.");
    script.line("    issuer=$(aws iam get-outbound-web-identity-federation-info \\");
    script.line("      --query IssuerIdentifier --output text 2>/dev/null) ||");
    script.line("      issuer=$(aws iam enable-outbound-web-identity-federation \\");
    script.line("        --query IssuerIdentifier --output text)");
    if let Some(known) = &account.issuer {
        script.line(format!("    if [ \"$issuer\" != {} ]; then", quoted(known)));
        script.line("      echo \"the issuer is $issuer: correct carnet.toml and render again\" >&2");
        script.line("      exit 1");
        script.line("    fi");
    }
    script.line(format!("    echo \"export {}='$issuer'\"", issuer_variable(id)));
}

fn grant_role(script: &mut Script, name: &str, role: &Role) {
    script.line("");
    script.line(format!("    # instances.{}", role.principal));
    grant_role_itself(script, name, role);
    grant_minting(script, name, role);
    grant_profile(script, name, role);
}

fn grant_role_itself(script: &mut Script, name: &str, role: &Role) {
    let trust = role.ec2_trust().to_string();
    let name = option("role-name", name);
    let boundary = "--permissions-boundary \"$PERMISSIONS_BOUNDARY\"";
    script.line(format!("    if aws iam get-role {name} >/dev/null 2>&1; then"));
    script.command(
        6,
        "aws iam update-assume-role-policy",
        &[name.clone(), option("policy-document", &trust)],
    );
    script.line("      [ -z \"${PERMISSIONS_BOUNDARY:-}\" ] ||");
    script.command(8, "aws iam put-role-permissions-boundary", &[name.clone(), boundary.to_owned()]);
    script.line("    else");
    let options = [
        name,
        option("description", &role.description()),
        option("assume-role-policy-document", &trust),
        tags(role),
        format!("${{PERMISSIONS_BOUNDARY:+{boundary}}}"),
        "--query Role.Arn --output text >&2".to_owned(),
    ];
    script.command(6, "aws iam create-role", &options);
    script.line("    fi");
}

fn tags(role: &Role) -> String {
    let tags = role.tags().into_iter().map(|(key, value)| quoted(&format!("Key={key},Value={value}")));
    format!("--tags {}", tags.collect::<Vec<_>>().join(" "))
}

fn grant_minting(script: &mut Script, name: &str, role: &Role) {
    let Some(policy) = &role.mint_policy else {
        return unless_gone(script, name, "");
    };
    // A policy has texts for keys, so writing it as JSON cannot fail.
    let policy = serde_json::to_string(policy).unwrap_or_default();
    let options =
        [option("role-name", name), option("policy-name", MINT_POLICY), option("policy-document", &policy)];
    script.command(4, "aws iam put-role-policy", &options);
}

/// A role that mints nothing now may have minted before.
fn unless_gone(script: &mut Script, name: &str, attempt: &str) {
    let policy = format!("{} {}", option("role-name", name), option("policy-name", MINT_POLICY));
    script.line(format!("    if aws iam get-role-policy {policy} >/dev/null 2>&1; then"));
    script.line(format!("      {attempt}aws iam delete-role-policy {policy}"));
    script.line("    fi");
}

fn grant_profile(script: &mut Script, name: &str, role: &Role) {
    let profile = option("instance-profile-name", name);
    script.line(format!("    aws iam get-instance-profile {profile} >/dev/null 2>&1 ||"));
    let answer = "--query InstanceProfile.Arn --output text >&2".to_owned();
    script.command(6, "aws iam create-instance-profile", &[profile.clone(), tags(role), answer]);
    script.line(format!("    holds=$(aws iam get-instance-profile {profile} \\"));
    script.line("      --query 'InstanceProfile.Roles[].RoleName' --output text)");
    script.line(format!("    [ \"$holds\" = {} ] ||", quoted(name)));
    script.command(6, "aws iam add-role-to-instance-profile", &[profile, option("role-name", name)]);
}

const REVOKE: &str = "\
Undoes what aws-grant.sh made for instances, in the account that the AWS CLI acts in. The functions'
roles go with their stacks. Outbound federation stays on, for others may rely on it; off it goes with
  aws iam disable-outbound-web-identity-federation

Rights: iam:GetRolePolicy, DeleteRolePolicy, RemoveRoleFromInstanceProfile, DeleteInstanceProfile, DeleteRole.";

fn revoke(plan: &Plan) -> Document {
    let mut script = Script::new("commands/aws-revoke.sh", REVOKE);
    script.keep_going();
    begin_accounts(&mut script);
    for (id, account) in &plan.accounts {
        script.line(format!("  {id})"));
        for (name, role) in own_roles(account) {
            revoke_role(&mut script, name, role);
        }
        script.line("    ;;");
    }
    end_accounts(&mut script);
    script.end_of_attempts();
    script.document()
}

fn revoke_role(script: &mut Script, name: &str, role: &Role) {
    let (role_name, profile) = (option("role-name", name), option("instance-profile-name", name));
    script.line(format!("    # instances.{}", role.principal));
    if role.mint_policy.is_some() {
        let options = [role_name.clone(), option("policy-name", MINT_POLICY)];
        script.command(4, "attempt aws iam delete-role-policy", &options);
    } else {
        unless_gone(script, name, "attempt ");
    }
    let options = [profile.clone(), role_name.clone()];
    script.command(4, "attempt aws iam remove-role-from-instance-profile", &options);
    script.line(format!("    attempt aws iam delete-instance-profile {profile}"));
    script.line(format!("    attempt aws iam delete-role {role_name}"));
}
