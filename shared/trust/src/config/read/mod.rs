//! TOML to model, one section at a time.

mod azure;
mod google;
mod principals;
mod roles;
mod secrets;
mod stages;
mod sync;

use super::check;
use super::table::{At, Faults, Table};
use super::{Aws, Config, Fault, Local, Place, Secrets};
use crate::google::Refusal;
use principals::{Named, Names, principals};
use stages::stages;
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
    let stages = stages(root.table("stages", &mut faults), &aws, &mut faults);
    let azure = root.table("azure", &mut faults).map(|table| azure::azure(table, &mut faults));
    let google = root.table("google", &mut faults).map(|table| google::google(table, &mut faults));
    let places = places(root.table("places", &mut faults), &mut faults);
    let names = Names { azure: azure.as_ref(), google: google.as_ref(), places: &places };
    let mut functions = principals(root.table("functions", &mut faults), &names, &mut faults);
    let sync = root.table("sync", &mut faults).map(|table| sync::sync(table, &names, &mut faults));
    let sync = sync.map(|(sync, readers)| {
        sync::join(&mut functions, readers, &mut faults);
        sync
    });
    let copied = root.table("secrets", &mut faults).map(|table| secrets::secrets(table, &names, &mut faults));
    let copied = copied.map(|(copied, copier)| {
        secrets::join(&mut functions, copier, &mut faults);
        copied
    });
    let instances = principals(root.table("instances", &mut faults), &names, &mut faults);
    principals::across(&functions, &instances, stages.count(&aws), &mut faults);
    let inbound = roles::roles(root.table("roles", &mut faults), azure.as_ref(), &mut faults);
    let names: Vec<&At<String>> = functions.iter().chain(&instances).map(|named| &named.name).collect();
    let names: Vec<&At<String>> = names.into_iter().chain(inbound.iter().map(|role| &role.name)).collect();
    principals::one_role_each(&names, &mut faults);
    stages.check(&aws, &names, google.as_ref(), &mut faults);
    let local = local(root.table("local", &mut faults), &places, &functions, copied.as_ref(), &mut faults);
    root.finish(&mut faults);
    if !faults.is_empty() {
        return Err(faults.into_sorted());
    }
    let plain = |named: &[Named]| named.iter().map(|n| (n.name.value.clone(), n.principal.clone())).collect();
    let places = places.into_iter().filter_map(|(name, place)| Some((name, place?))).collect();
    let (functions_of, instances_of) = (plain(&functions), plain(&instances));
    let config = Config {
        aws,
        stages: stages.plain(),
        azure,
        google,
        places,
        sync,
        secrets: copied,
        functions: functions_of,
        instances: instances_of,
        roles: inbound.iter().map(|named| (named.name.value.clone(), named.role.clone())).collect(),
        local,
    };
    roles::would_be_created(&config, &inbound, &mut faults);
    let named: Vec<Named> = functions.into_iter().chain(instances).collect();
    own_proofs(&config, &named, &mut faults);
    if faults.is_empty() { Ok(config) } else { Err(faults.into_sorted()) }
}

/// A provider that would turn away the very principals that are to use it is a fault here, long
/// before Google says so. Said once for each principal, and for the sync's once.
fn own_proofs(config: &Config, named: &[Named], faults: &mut Faults) {
    let deployments = config.deployments();
    let mut said = BTreeSet::new();
    for Named { name, principal } in named {
        let Some(provider) = &principal.google_provider else { continue };
        let refused = deployments.iter().find_map(|deployment| {
            let refusal = deployment.google_identity(&name.value)?.err()?;
            Some((deployment, refusal))
        });
        if let Some((deployment, Refusal { description, field, .. })) =
            refused.filter(|_| said.insert(&name.field))
        {
            let stage =
                deployment.stage.as_ref().map(|stage| format!(" in stage {stage}")).unwrap_or_default();
            faults.add(
                name.at.clone(),
                format!("{}.google_provider", name.field),
                format!("`{provider}` would refuse its own proof{stage}: {description}"),
                format!("correct the provider's {field}"),
            );
        }
    }
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

/// By name. A place that is wrong is a fault already; its name still counts as known.
type Places = BTreeMap<String, Option<Place>>;

fn places(table: Option<Table>, faults: &mut Faults) -> Places {
    let mut places = BTreeMap::new();
    let Some(mut section) = table else { return places };
    for (name, mut table) in section.named_tables(faults) {
        check_name(&name, faults);
        let url = table.required("url", |url| check::place(url).map(drop), faults);
        table.finish(faults);
        places.insert(name.value, check::place(&url).ok());
    }
    places
}

fn check_name(name: &At<String>, faults: &mut Faults) {
    if let Err((problem, fix)) = check::name(&name.value) {
        faults.add(name.at.clone(), &name.field, problem, fix);
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

fn local(
    table: Option<Table>,
    places: &Places,
    functions: &[Named],
    copied: Option<&Secrets>,
    faults: &mut Faults,
) -> Local {
    let mut local = Local::default();
    let Some(mut table) = table else { return local };
    let (containers, buckets) = stores(places);
    if let Some(section) = table.table("containers", faults) {
        local.containers = folders(section, &containers, "container of a place", faults);
    }
    if let Some(section) = table.table("buckets", faults) {
        local.buckets = folders(section, &buckets, "bucket of a place", faults);
    }
    if let Some(mut section) = table.table("functions", faults) {
        for (function, binary) in section.named_texts(faults) {
            let names = functions.iter().map(|function| &function.name.value);
            check_known(&function.value, names, &function, "function", faults);
            check_path(&binary, faults);
            local.functions.insert(function.value, binary.value);
        }
    }
    secrets::values(&mut table, &mut local, copied, faults);
    for bucket in table.list("s3_buckets", faults) {
        if !is_s3_bucket(&bucket.value) {
            let problem = format!("`{}` is not a bucket's name", bucket.value);
            let fix = "give 3-63 lower case letters, digits, `-` and `.`, a letter or digit at both ends";
            faults.add(bucket.at, &bucket.field, problem, fix);
        } else if !local.s3_buckets.contains(&bucket.value) {
            local.s3_buckets.push(bucket.value);
        }
    }
    table.finish(faults);
    local
}

/// AWS, "General purpose bucket naming rules".
fn is_s3_bucket(name: &str) -> bool {
    let end = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        && end(bytes.first())
        && end(bytes.last())
        && !name.contains("..")
}

/// What the places are in: `account/container`, and buckets.
fn stores(places: &Places) -> (Vec<String>, Vec<String>) {
    let (mut containers, mut buckets) = (Vec::new(), Vec::new());
    for place in places.values().flatten() {
        match place {
            Place::Azure { account, container, .. } => containers.push(format!("{account}/{container}")),
            Place::Google { bucket, .. } => buckets.push(bucket.clone()),
        }
    }
    (containers, buckets)
}

fn folders(
    mut section: Table,
    stores: &[String],
    what: &str,
    faults: &mut Faults,
) -> BTreeMap<String, String> {
    let mut folders = BTreeMap::new();
    for (store, folder) in section.named_texts(faults) {
        check_known(&store.value, stores.iter(), &store, what, faults);
        check_path(&folder, faults);
        folders.insert(store.value, folder.value);
    }
    folders
}

fn check_path(path: &At<String>, faults: &mut Faults) {
    if let Err((problem, fix)) = check::path(&path.value) {
        faults.add(path.at.clone(), &path.field, problem, fix);
    }
}
