//! `[functions]` and `[instances]`: what goes somewhere, and as whom.

use super::super::table::{At, Faults, Table};
use super::super::{Azure, Google, Place, Principal};
use super::{Places, check_known, check_name, known};
use crate::entra::MAX_CREDENTIALS;
use std::collections::BTreeMap;

/// What principals refer to.
pub struct Names<'a> {
    pub azure: Option<&'a Azure>,
    pub google: Option<&'a Google>,
    pub places: &'a Places,
}

pub struct Named {
    pub name: At<String>,
    pub principal: Principal,
}

pub fn principals(table: Option<Table>, names: &Names, faults: &mut Faults) -> Vec<Named> {
    let Some(mut section) = table else { return Vec::new() };
    let mut principals = Vec::new();
    for (name, mut table) in section.named_tables(faults) {
        check_name(&name, faults);
        let principal = principal(&name, &mut table, names, faults);
        table.finish(faults);
        principals.push(Named { name, principal });
    }
    principals
}

fn principal(name: &At<String>, table: &mut Table, names: &Names, faults: &mut Faults) -> Principal {
    let reads = table.list("reads", faults);
    for place in &reads {
        check_known(&place.value, names.places.keys(), place, "place", faults);
    }
    let reads = reads.into_iter().map(|place| place.value).collect();
    reader(name, reads, table, names, faults)
}

/// Who reads these places: as whom is stated in the table.
pub fn reader(
    name: &At<String>,
    reads: Vec<String>,
    table: &mut Table,
    names: &Names,
    faults: &mut Faults,
) -> Principal {
    let identities = names.azure.into_iter().flat_map(|azure| azure.identities.keys());
    let (providers, accounts) = (
        names.google.into_iter().flat_map(|google| google.providers.keys()),
        names.google.into_iter().flat_map(|google| google.service_accounts.keys()),
    );
    let principal = Principal {
        azure_identity: table.optional(
            "azure_identity",
            |text| known(text, identities.clone(), "identity"),
            faults,
        ),
        google_provider: table.optional(
            "google_provider",
            |text| known(text, providers.clone(), "provider"),
            faults,
        ),
        google_service_account: table.optional(
            "google_service_account",
            |text| known(text, accounts.clone(), "service account"),
            faults,
        ),
        reads,
    };
    needs_its_ways(name, &principal, names.places, faults);
    principal
}

/// Whoever reads in a cloud has a way into it.
fn needs_its_ways(name: &At<String>, principal: &Principal, places: &Places, faults: &mut Faults) {
    let read: Vec<&Place> = principal.reads.iter().filter_map(|name| places.get(name)).flatten().collect();
    let mut missing = |field: &str, problem: &str, fix: &str| {
        faults.add(name.at.clone(), format!("{}.{field}", name.field), problem, fix);
    };
    let in_azure = read.iter().any(|place| matches!(place, Place::Azure { .. }));
    if in_azure && principal.azure_identity.is_none() {
        missing(
            "azure_identity",
            "missing, though it reads a place in Azure",
            "name one of [azure.identities]",
        );
    }
    let in_google = read.iter().any(|place| matches!(place, Place::Google { .. }));
    let acts_as = principal.google_service_account.is_some();
    if (in_google || acts_as) && principal.google_provider.is_none() {
        missing(
            "google_provider",
            "missing, though it goes to Google Cloud",
            "name one of [google.providers]",
        );
    }
}

/// A function, an instance and a role of the same name would be one role of AWS's.
pub fn one_role_each(names: &[&At<String>], faults: &mut Faults) {
    // What the sync states are functions.
    let kind = |name: &At<String>| match name.field.split('.').next() {
        Some("instances") => "an instance",
        Some("roles") => "a role into AWS",
        _ => "a function",
    };
    let mut known: BTreeMap<&String, &At<String>> = BTreeMap::new();
    for name in names {
        let first = known.entry(&name.value).or_insert(name);
        if kind(first) != kind(name) {
            let problem = format!("{} has this name too, and they would share a role", kind(first));
            faults.add(name.at.clone(), &name.field, problem, "rename one of them");
        }
    }
}

/// What only shows when all principals are known.
///
/// `deployments`: how often each of them is deployed, once a stage and region.
pub fn across(functions: &[Named], instances: &[Named], deployments: usize, faults: &mut Faults) {
    let mut users: BTreeMap<&String, usize> = BTreeMap::new();
    for user in functions.iter().chain(instances) {
        let Some(identity) = &user.principal.azure_identity else { continue };
        let count = users.entry(identity).or_default();
        let before = *count;
        *count += deployments;
        if before <= MAX_CREDENTIALS && *count > MAX_CREDENTIALS {
            let each = match deployments {
                1 => String::new(),
                _ => format!(", one for each user in each of {deployments} stages and regions"),
            };
            faults.add(
                user.name.at.clone(),
                format!("{}.azure_identity", user.name.field),
                format!(
                    "`{identity}` would need more than the {MAX_CREDENTIALS} federated credentials Entra allows{each}"
                ),
                "give some of its users another identity, or some stages a file and an identity of their own",
            );
        }
    }
}
