//! `[stages]`: the same functions deployed several times, and the limits over all of them.

use super::super::table::{At, Faults, Table};
use super::super::{Aws, Google, Stage, check};
use super::check_name;
use crate::derive::{self, MAX_ROLE_NAME};
use std::collections::{BTreeMap, BTreeSet};

struct NamedStage {
    name: At<String>,
    stage: Stage,
}

/// Empty if the file has none.
pub struct Stages(Vec<NamedStage>);

pub fn stages(table: Option<Table>, aws: &Aws, faults: &mut Faults) -> Stages {
    let Some(mut section) = table else { return Stages(Vec::new()) };
    let (at, field) = section.place();
    let mut stages = Vec::new();
    for (name, mut table) in section.named_tables(faults) {
        check_name(&name, faults);
        let stage = stage(&name, &mut table, aws, faults);
        table.finish(faults);
        stages.push(NamedStage { name, stage });
    }
    if stages.is_empty() {
        faults.add(at, field, "no stage in it", "add one such as [stages.prod], or leave the section out");
    }
    one_issuer_an_account(&stages, aws, faults);
    Stages(stages)
}

fn stage(name: &At<String>, table: &mut Table, aws: &Aws, faults: &mut Faults) -> Stage {
    let stack = table.required("stack", check::name, faults);
    let named = table.contains("regions");
    let regions = table.list("regions", faults);
    check_regions(name, &regions, named, faults);
    let account = table.optional("account", check::account, faults).unwrap_or_else(|| aws.account.clone());
    let issuer = table.optional("issuer", check::issuer, faults);
    // Another account has another issuer.
    let issuer = issuer.or_else(|| aws.issuer.clone().filter(|_| account == aws.account));
    let regions = match regions.is_empty() {
        true => vec![aws.region.clone()],
        false => regions.into_iter().map(|region| region.value).collect(),
    };
    Stage { stack, regions, account, issuer }
}

fn check_regions(name: &At<String>, regions: &[At<String>], named: bool, faults: &mut Faults) {
    if named && regions.is_empty() {
        let field = format!("{}.regions", name.field);
        faults.add(name.at.clone(), field, "empty", "name one at least, or leave it out for aws.region");
    }
    let mut seen = BTreeSet::new();
    for region in regions {
        if let Err((problem, fix)) = check::region(&region.value) {
            faults.add(region.at.clone(), &region.field, format!("`{}` is {problem}", region.value), fix);
        }
        if !seen.insert(&region.value) {
            let problem = format!("`{}` is named twice", region.value);
            faults.add(region.at.clone(), &region.field, problem, "leave one out");
        }
    }
    let partition = |region: &At<String>| derive::partition(&region.value);
    if let Some(other) = regions.iter().find(|region| partition(region) != partition(&regions[0])) {
        let problem = format!("`{}` and `{}` are of different partitions", regions[0].value, other.value);
        faults.add(other.at.clone(), &other.field, problem, "an account is in one: make another stage of it");
    }
}

fn one_issuer_an_account(stages: &[NamedStage], aws: &Aws, faults: &mut Faults) {
    let mut issuers: BTreeMap<&String, &String> = BTreeMap::new();
    issuers.extend(aws.issuer.as_ref().map(|issuer| (&aws.account, issuer)));
    for NamedStage { name, stage } in stages {
        let Some(issuer) = &stage.issuer else { continue };
        let known = issuers.entry(&stage.account).or_insert(issuer);
        if *known != issuer {
            faults.add(
                name.at.clone(),
                format!("{}.issuer", name.field),
                format!("account {} would have two issuers", stage.account),
                format!("an account has one: `{known}` is given elsewhere"),
            );
        }
    }
}

impl Stages {
    /// How often everything is deployed: once a stage and region.
    pub fn count(&self, aws: &Aws) -> usize {
        self.all(aws).iter().map(|(_, stage)| stage.regions.len()).sum()
    }

    pub fn plain(self) -> BTreeMap<String, Stage> {
        self.0.into_iter().map(|named| (named.name.value, named.stage)).collect()
    }

    /// `[aws]` alone, where there are no stages.
    fn all(&self, aws: &Aws) -> Vec<(Option<&At<String>>, Stage)> {
        if self.0.is_empty() {
            return vec![(None, derive::only_stage(aws))];
        }
        self.0.iter().map(|named| (Some(&named.name), named.stage.clone())).collect()
    }

    /// The limits that names keep to in every stage and region.
    pub fn check(&self, aws: &Aws, principals: &[&At<String>], google: Option<&Google>, faults: &mut Faults) {
        // Those of the sync are stated in one place: the longest speaks for them.
        let longest = |one: &&&At<String>| {
            principals.iter().all(|other| other.field != one.field || other.value.len() <= one.value.len())
        };
        for principal in principals.iter().filter(longest) {
            self.check_role_length(principal, aws, faults);
        }
        self.check_roles_are_unique(principals, faults);
        self.check_providers(aws, google, faults);
    }

    /// Once a stage: in the region with the longest name.
    fn check_role_length(&self, principal: &At<String>, aws: &Aws, faults: &mut Faults) {
        for (name, stage) in self.all(aws) {
            let roles =
                stage.regions.iter().map(|region| derive::role_name(&stage.stack, region, &principal.value));
            let Some(role) = roles.max_by_key(String::len).filter(|role| role.len() > MAX_ROLE_NAME) else {
                continue;
            };
            let stack = name.map_or_else(|| "aws.stack".to_owned(), |name| format!("{}.stack", name.field));
            faults.add(
                principal.at.clone(),
                &principal.field,
                format!("its role would be `{role}`: {} characters, IAM allows {MAX_ROLE_NAME}", role.len()),
                match principal.field.ends_with(&principal.value) {
                    true => format!("shorten {stack} or this name"),
                    false => format!("shorten {stack}"),
                },
            );
        }
    }

    /// Role names are the names of federated credentials too, whatever account the roles are in.
    fn check_roles_are_unique(&self, principals: &[&At<String>], faults: &mut Faults) {
        let mut known: BTreeMap<String, &String> = BTreeMap::new();
        for NamedStage { name, stage } in &self.0 {
            let mut taken = None;
            for (region, principal) in stage
                .regions
                .iter()
                .flat_map(|region| principals.iter().map(move |principal| (region, principal)))
            {
                let role = derive::role_name(&stage.stack, region, &principal.value);
                let owner = known.entry(role.clone()).or_insert(&name.value);
                if *owner != &name.value {
                    taken = taken.or(Some((role, (*owner).clone())));
                }
            }
            if let Some((role, owner)) = taken {
                faults.add(
                    name.at.clone(),
                    format!("{}.stack", name.field),
                    format!("its role `{role}` would be stage {owner}'s too"),
                    "give it a stack of its own",
                );
            }
        }
    }

    /// A provider takes the proofs of one account: another account's stages get one of their own.
    fn check_providers(&self, aws: &Aws, google: Option<&Google>, faults: &mut Faults) {
        let Some(google) = google else { return };
        for NamedStage { name, stage } in self.0.iter().filter(|named| named.stage.account != aws.account) {
            for provider in google.providers.keys() {
                let id = derive::provider_of_account(provider, &stage.account);
                if let Err((problem, fix)) = check::pool_or_provider(&id) {
                    let field = format!("{}.account", name.field);
                    let problem = format!("its provider would be `{id}`, {problem}");
                    faults.add(name.at.clone(), field, problem, format!("shorten `{provider}`: {fix}"));
                } else if google.providers.contains_key(&id) {
                    let field = format!("{}.account", name.field);
                    let problem = format!("its provider would be `{id}`, which there is already");
                    faults.add(name.at.clone(), field, problem, "rename that provider");
                }
            }
        }
    }
}
