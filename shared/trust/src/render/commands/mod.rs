//! Shell scripts for `aws`, `az` and `gcloud`: one to grant and one to revoke, for each cloud.
//!
//! | module | what it writes |
//! |---|---|
//! | `aws`, `azure`, `google` | a cloud's two scripts |
//! | `shell` | a script, line by line; quoting |

mod aws;
mod azure;
mod google;
mod shell;

use super::Document;
use super::plan::{Account, Plan};
use shell::{Script, quoted};

pub fn documents(plan: &Plan) -> Vec<Document> {
    let mut documents = aws::scripts(plan);
    documents.extend(plan.azure.iter().flat_map(|azure| azure::scripts(plan, azure)));
    documents.extend(plan.google.iter().flat_map(|google| google::scripts(plan, google)));
    documents
}

/// The shell's variable with an account's issuer.
fn issuer_variable(account: &str) -> String {
    format!("ISSUER_{account}")
}

/// The issuers of these accounts: known, or given as variables.
fn need_issuers<'a>(script: &mut Script, plan: &'a Plan, accounts: impl Fn(&str, &'a Account) -> bool) {
    for (id, account) in plan.accounts.iter().filter(|(id, account)| accounts(id, account)) {
        let variable = issuer_variable(id);
        match &account.issuer {
            Some(issuer) => script.line(format!("{variable}={}", quoted(issuer))),
            None => script.need(&variable, "what commands/aws-grant.sh prints for this account"),
        }
    }
}
