//! `[secrets]`: which secret is copied to which, and as whom its source is read.

use super::super::secrets::{is_kept_name, stored};
use super::super::table::{At, Faults, Table};
use super::super::{Local, Principal, Secrets, StoredSecret};
use super::check_known;
use super::principals::{Named, Names, reader};
use std::collections::BTreeMap;

/// The pairs, and who copies them.
pub fn secrets(mut table: Table, names: &Names, faults: &mut Faults) -> (Secrets, Named) {
    let (at, field) = table.place();
    let copies = match table.table("copies", faults) {
        Some(section) => copies(section, faults),
        None => BTreeMap::new(),
    };
    if copies.is_empty() {
        let fix = "add \"NAME\" = \"keyvault://VAULT/SECRET\" to a section [secrets.copies]";
        faults.add(at.clone(), format!("{field}.copies"), "no secret to copy", fix);
    }
    let section = At { value: "secrets".to_owned(), at: at.clone(), field: field.clone() };
    let principal = reader(&section, Vec::new(), &mut table, names, faults);
    table.finish(faults);
    needs_its_ways(&section, &principal, &copies, faults);
    let name = At { value: Secrets::FUNCTION.to_owned(), at, field };
    (Secrets { copies }, Named { name, principal })
}

fn copies(mut section: Table, faults: &mut Faults) -> BTreeMap<String, StoredSecret> {
    let mut copies = BTreeMap::new();
    for (name, url) in section.named_texts(faults) {
        if !is_kept_name(&name.value) {
            let problem = format!("`{}` is no name of a secret in Secrets Manager", name.value);
            faults.add(name.at, &name.field, problem, "give 1-512 letters, digits and /_+=.@-");
            continue;
        }
        match stored(&url.value) {
            Ok(from) => drop(copies.insert(name.value, from)),
            Err((problem, fix)) => faults.add(url.at, &url.field, problem, fix),
        }
    }
    copies
}

fn needs_its_ways(
    section: &At<String>,
    principal: &Principal,
    copies: &BTreeMap<String, StoredSecret>,
    faults: &mut Faults,
) {
    let mut missing = |field: &str, problem: &str, fix: &str| {
        faults.add(section.at.clone(), format!("{}.{field}", section.field), problem, fix);
    };
    let in_azure = copies.values().any(|from| matches!(from, StoredSecret::KeyVault { .. }));
    if in_azure && principal.azure_identity.is_none() {
        let fix = "name one of [azure.identities]";
        missing("azure_identity", "missing, though a secret is in Azure", fix);
    }
    let in_google = copies.values().any(|from| matches!(from, StoredSecret::SecretManager { .. }));
    if in_google && principal.google_provider.is_none() {
        let fix = "name one of [google.providers]";
        missing("google_provider", "missing, though a secret is in Google Cloud", fix);
    }
}

/// Among the functions. One that is stated there as well would be stated twice.
pub fn join(functions: &mut Vec<Named>, copier: Named, faults: &mut Faults) {
    for twice in functions.iter().filter(|function| function.name.value == Secrets::FUNCTION) {
        let problem = "the function that copies secrets, which [secrets] states";
        faults.add(twice.name.at.clone(), &twice.name.field, problem, "leave it out");
    }
    functions.push(copier);
}

/// `[local.vaults]` and `[local.secrets]`: values that stand in for those of the secrets that are copied.
pub fn values(table: &mut Table, local: &mut Local, copied: Option<&Secrets>, faults: &mut Faults) {
    let stored = || copied.into_iter().flat_map(|copied| copied.copies.values());
    let in_vaults = stored().filter_map(|from| match from {
        StoredSecret::KeyVault { vault, name } => Some(format!("{vault}/{name}")),
        StoredSecret::SecretManager { .. } => None,
    });
    let in_projects = stored().filter_map(|from| match from {
        StoredSecret::SecretManager { project, name } => Some(format!("{project}/{name}")),
        StoredSecret::KeyVault { .. } => None,
    });
    local.vaults = known_values(table, "vaults", in_vaults.collect(), faults);
    local.secrets = known_values(table, "secrets", in_projects.collect(), faults);
}

fn known_values(
    table: &mut Table,
    key: &'static str,
    known: Vec<String>,
    faults: &mut Faults,
) -> BTreeMap<String, String> {
    let Some(mut section) = table.table(key, faults) else { return BTreeMap::new() };
    let mut values = BTreeMap::new();
    for (secret, value) in section.named_texts(faults) {
        check_known(&secret.value, known.iter(), &secret, "secret that is copied", faults);
        values.insert(secret.value, value.value);
    }
    values
}
