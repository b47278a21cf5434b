//! TOML to model, one section at a time.

use super::check;
use super::table::{At, Faults, Table};
use super::{Aws, Azure, AzureCloud, Config, Fault, Identity, Local, Place, Principal};
use crate::derive::MAX_ROLE_NAME;
use crate::entra::MAX_CREDENTIALS;
use std::collections::{BTreeMap, BTreeSet};
use toml::de::DeTable;

pub fn config(text: &str) -> Result<Config, Vec<Fault>> {
    let mut faults = Faults::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().unwrap_or(0..0);
        faults.add(at, "the file", error.message(), "correct the TOML");
    }
    if !errors.is_empty() {
        // What the parser guessed at would only add faults that are none.
        return Err(faults.into_sorted());
    }
    let mut root = Table::new("", 0..0, document.get_ref());
    let aws = aws(root.required_table("aws", &mut faults), &mut faults);
    let azure = azure(root.required_table("azure", &mut faults), &mut faults);
    let places = places(root.table("places", &mut faults), &mut faults);
    let names = Names { stack: &aws, azure: &azure, places: &places };
    let functions = principals(root.table("functions", &mut faults), &names, &mut faults);
    let instances = principals(root.table("instances", &mut faults), &names, &mut faults);
    across(&functions, &instances, &mut faults);
    let local = local(root.table("local", &mut faults), &places, &functions, &mut faults);
    root.finish(&mut faults);
    if !faults.is_empty() {
        return Err(faults.into_sorted());
    }
    let plain =
        |principals: Vec<Named>| principals.into_iter().map(|n| (n.name.value, n.principal)).collect();
    Ok(Config { aws, azure, places, functions: plain(functions), instances: plain(instances), local })
}

fn aws(table: Option<Table>, faults: &mut Faults) -> Aws {
    let Some(mut table) = table else { return Aws::default() };
    let aws = Aws {
        account: table.required("account", check::account, faults),
        region: table.required("region", check::region, faults),
        issuer: table.optional("issuer", check::issuer, faults),
        stack: table.required("stack", check::name, faults),
        org_id: table.optional("org_id", check::org_id, faults),
    };
    table.finish(faults);
    aws
}

fn azure(table: Option<Table>, faults: &mut Faults) -> Azure {
    let Some(mut table) = table else { return Azure::default() };
    let tenant_id = table.required("tenant_id", check::guid, faults);
    let cloud = table.optional("cloud", |text| azure_cloud(text).map(drop), faults);
    let cloud = cloud.and_then(|text| azure_cloud(&text).ok()).unwrap_or_default();
    let mut identities = BTreeMap::new();
    if let Some(mut section) = table.table("identities", faults) {
        for (name, mut table) in section.named_tables(faults) {
            let identity = Identity {
                client_id: table.required("client_id", check::guid, faults),
                object_id: table.required("object_id", check::guid, faults),
            };
            table.finish(faults);
            identities.insert(name.value, identity);
        }
    }
    table.finish(faults);
    Azure { tenant_id, cloud, identities }
}

fn azure_cloud(text: &str) -> Result<AzureCloud, (String, String)> {
    match text {
        "public" => Ok(AzureCloud::Public),
        "usgovernment" => Ok(AzureCloud::UsGovernment),
        "china" => Ok(AzureCloud::China),
        _ => Err(("no Azure cloud".to_owned(), "give \"public\", \"usgovernment\" or \"china\"".to_owned())),
    }
}

fn places(table: Option<Table>, faults: &mut Faults) -> BTreeMap<String, Place> {
    let mut places = BTreeMap::new();
    let Some(mut section) = table else { return places };
    for (name, mut table) in section.named_tables(faults) {
        check_name(&name, faults);
        let url = table.required("url", |url| check::place(url).map(drop), faults);
        table.finish(faults);
        // A place that is wrong is a fault already; its name still counts as known.
        let unknown = || Place { account: String::new(), container: String::new(), prefix: String::new() };
        places.insert(name.value, check::place(&url).unwrap_or_else(|_| unknown()));
    }
    places
}

/// What principals refer to.
struct Names<'a> {
    stack: &'a Aws,
    azure: &'a Azure,
    places: &'a BTreeMap<String, Place>,
}

struct Named {
    name: At<String>,
    principal: Principal,
}

fn principals(table: Option<Table>, names: &Names, faults: &mut Faults) -> Vec<Named> {
    let Some(mut section) = table else { return Vec::new() };
    let mut principals = Vec::new();
    for (name, mut table) in section.named_tables(faults) {
        check_name(&name, faults);
        check_role_name(&name, names.stack, faults);
        let reads = table.list("reads", faults);
        for place in &reads {
            let known = names.places.keys();
            check_known(&place.value, known, place, "place", faults);
        }
        let identities = &names.azure.identities;
        let azure_identity =
            table.optional("azure_identity", |text| known(text, identities.keys(), "identity"), faults);
        if azure_identity.is_none() && !reads.is_empty() {
            faults.add(
                name.at.clone(),
                format!("{}.azure_identity", name.field),
                "missing, though it reads a place in Azure",
                "name one of [azure.identities]",
            );
        }
        table.finish(faults);
        let reads = reads.into_iter().map(|place| place.value).collect();
        principals.push(Named { name, principal: Principal { reads, azure_identity } });
    }
    principals
}

fn check_name(name: &At<String>, faults: &mut Faults) {
    if let Err((problem, fix)) = check::name(&name.value) {
        faults.add(name.at.clone(), &name.field, problem, fix);
    }
}

fn check_role_name(name: &At<String>, aws: &Aws, faults: &mut Faults) {
    let role = format!("{}-{}-{}", aws.stack, aws.region, name.value);
    if role.len() > MAX_ROLE_NAME {
        let problem =
            format!("its role would be `{role}`: {} characters, IAM allows {MAX_ROLE_NAME}", role.len());
        faults.add(name.at.clone(), &name.field, problem, "shorten aws.stack or this name");
    }
}

fn known<'k>(text: &str, known: impl Iterator<Item = &'k String>, what: &str) -> check::Check {
    let names: Vec<&str> = known.map(String::as_str).collect();
    if names.contains(&text) {
        return Ok(());
    }
    let fix = match names.as_slice() {
        [] => format!("there is none yet: add the {what}"),
        _ => format!("name one of: {}", names.join(", ")),
    };
    Err((format!("no known {what}"), fix))
}

fn check_known<'k>(
    text: &str,
    names: impl Iterator<Item = &'k String>,
    at: &At<String>,
    what: &str,
    faults: &mut Faults,
) {
    if let Err((problem, fix)) = known(text, names, what) {
        faults.add(at.at.clone(), &at.field, format!("`{text}` is {problem}"), fix);
    }
}

/// What only shows when all principals are known.
fn across(functions: &[Named], instances: &[Named], faults: &mut Faults) {
    let names: BTreeSet<&String> = functions.iter().map(|function| &function.name.value).collect();
    for instance in instances.iter().filter(|instance| names.contains(&instance.name.value)) {
        faults.add(
            instance.name.at.clone(),
            &instance.name.field,
            "a function has this name too, and they would share a role",
            "rename one of them",
        );
    }
    let mut users: BTreeMap<&String, usize> = BTreeMap::new();
    for user in functions.iter().chain(instances) {
        let Some(identity) = &user.principal.azure_identity else { continue };
        let count = users.entry(identity).or_default();
        *count += 1;
        if *count == MAX_CREDENTIALS + 1 {
            faults.add(
                user.name.at.clone(),
                format!("{}.azure_identity", user.name.field),
                format!("`{identity}` would need more than the {MAX_CREDENTIALS} federated credentials Entra allows"),
                "give some of its users another identity",
            );
        }
    }
}

fn local(
    table: Option<Table>,
    places: &BTreeMap<String, Place>,
    functions: &[Named],
    faults: &mut Faults,
) -> Local {
    let mut local = Local::default();
    let Some(mut table) = table else { return local };
    let containers: Vec<String> =
        places.values().map(|place| format!("{}/{}", place.account, place.container)).collect();
    if let Some(mut section) = table.table("containers", faults) {
        for (container, folder) in section.named_texts(faults) {
            check_known(&container.value, containers.iter(), &container, "container of a place", faults);
            check_path(&folder, faults);
            local.containers.insert(container.value, folder.value);
        }
    }
    if let Some(mut section) = table.table("functions", faults) {
        for (function, binary) in section.named_texts(faults) {
            let names = functions.iter().map(|function| &function.name.value);
            check_known(&function.value, names, &function, "function", faults);
            check_path(&binary, faults);
            local.functions.insert(function.value, binary.value);
        }
    }
    table.finish(faults);
    local
}

fn check_path(path: &At<String>, faults: &mut Faults) {
    if let Err((problem, fix)) = check::path(&path.value) {
        faults.add(path.at.clone(), &path.field, problem, fix);
    }
}
