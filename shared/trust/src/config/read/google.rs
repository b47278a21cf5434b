//! `[google]`

use super::super::check;
use super::super::table::{Faults, Table};
use super::super::{Google, Provider, ProviderKind, ServiceAccount};
use super::check_name;
use std::collections::BTreeMap;

pub fn google(mut table: Table, faults: &mut Faults) -> Google {
    let project_number = table.required("project_number", check::project_number, faults);
    let pool = table.required("pool", check::pool_or_provider, faults);
    let mut providers = BTreeMap::new();
    if let Some(mut section) = table.table("providers", faults) {
        for (name, mut table) in section.named_tables(faults) {
            if let Err((problem, fix)) = check::pool_or_provider(&name.value) {
                faults.add(name.at.clone(), &name.field, problem, fix);
            }
            let provider = provider(&mut table, faults);
            table.finish(faults);
            let full = provider.full(&name.value, "https://issuer.example", "123456789012");
            // Its name is judged above, where it stands.
            for fault in crate::google::validate(&full).into_iter().filter(|fault| fault.field != "name") {
                let field = format!("{}.{}", name.field, fault.field);
                faults.add(name.at.clone(), field, fault.problem, "correct it; Google would refuse it");
            }
            providers.insert(name.value, provider);
        }
    }
    let mut service_accounts = BTreeMap::new();
    if let Some(mut section) = table.table("service_accounts", faults) {
        for (name, mut table) in section.named_tables(faults) {
            check_name(&name, faults);
            let email = table.required("email", check::email, faults);
            let unique_id = table.optional("unique_id", check::digits, faults);
            table.finish(faults);
            service_accounts.insert(name.value, ServiceAccount { email, unique_id });
        }
    }
    table.finish(faults);
    Google { project_number, pool, providers, service_accounts }
}

fn provider(table: &mut Table, faults: &mut Faults) -> Provider {
    let kind = match table.required("type", check::provider_type, faults).as_str() {
        "aws" => ProviderKind::Aws,
        _ => ProviderKind::Oidc,
    };
    let condition = table.optional("condition", |_| Ok(()), faults);
    let allowed = table.list("allowed_audiences", faults);
    if let (ProviderKind::Aws, Some(first)) = (kind, allowed.first()) {
        faults.add(first.at.clone(), &first.field, "an AWS provider has none", "leave it out");
    }
    let mut mapping = BTreeMap::new();
    if let Some(mut section) = table.table("mapping", faults) {
        for (target, expression) in section.named_texts(faults) {
            mapping.insert(target.value, expression.value);
        }
    }
    let allowed_audiences = allowed.into_iter().map(|audience| audience.value).collect();
    Provider { kind, mapping, condition, allowed_audiences }
}
