//! Stages: the same functions, deployed several times.

use crate::config::{Aws, Config, Stage};
use crate::derive::google::Grants;
use crate::google::{Mapped, Refusal};

/// One stage in one region: what one stack makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// `None` where the file has no stages.
    pub stage: Option<String>,
    /// The configuration as it is there: `aws` is the stage's, and so are Google's providers.
    pub config: Config,
}

/// What `[aws]` alone amounts to.
pub fn only_stage(aws: &Aws) -> Stage {
    Stage {
        stack: aws.stack.clone(),
        regions: vec![aws.region.clone()],
        account: aws.account.clone(),
        issuer: aws.issuer.clone(),
    }
}

/// A provider takes the proofs of one account. Other accounts than `[aws]`'s have providers of
/// their own, named so.
pub fn provider_of_account(id: &str, account: &str) -> String {
    format!("{id}-{account}")
}

impl Config {
    /// Every stage in every one of its regions, in the order of their names.
    pub fn deployments(&self) -> Vec<Deployment> {
        let stages: Vec<(Option<String>, Stage)> = match self.stages.is_empty() {
            true => vec![(None, only_stage(&self.aws))],
            false => self.stages.iter().map(|(name, stage)| (Some(name.clone()), stage.clone())).collect(),
        };
        let in_regions = stages.iter().flat_map(|(name, stage)| {
            stage
                .regions
                .iter()
                .map(|region| Deployment { stage: name.clone(), config: self.deployed(stage, region) })
        });
        in_regions.collect()
    }

    /// With one stage of several. `None` if there is none of that name.
    pub fn with_stage(&self, name: &str) -> Option<Config> {
        let stage = self.stages.get(name)?.clone();
        Some(Config { stages: [(name.to_owned(), stage)].into(), ..self.clone() })
    }

    fn deployed(&self, stage: &Stage, region: &str) -> Config {
        let mut config = self.clone();
        config.stages.clear();
        config.aws = Aws {
            account: stage.account.clone(),
            region: region.to_owned(),
            issuer: stage.issuer.clone(),
            stack: stage.stack.clone(),
            org_id: self.aws.org_id.clone(),
        };
        if stage.account != self.aws.account {
            config.move_providers(&stage.account);
        }
        config
    }

    fn move_providers(&mut self, account: &str) {
        if let Some(google) = &mut self.google {
            let providers = std::mem::take(&mut google.providers).into_iter();
            google.providers = providers.map(|(id, it)| (provider_of_account(&id, account), it)).collect();
        }
        for principal in self.functions.values_mut().chain(self.instances.values_mut()) {
            if let Some(id) = &mut principal.google_provider {
                *id = provider_of_account(id, account);
            }
        }
    }
}

impl Deployment {
    /// As the template names it.
    pub fn function_name(&self, function: &str) -> String {
        self.config.function_name(function)
    }

    /// In Lambda a session is named like the function, on EC2 like the instance. That one is not
    /// known; its length is.
    fn session(&self, principal: &str) -> String {
        match self.config.functions.contains_key(principal) {
            true => self.function_name(principal),
            false => "i-00000000000000000".to_owned(),
        }
    }

    /// Whom a principal becomes at its provider, deployed; `None` if it has none.
    pub fn google_identity(&self, principal: &str) -> Option<Result<Mapped, Refusal>> {
        self.config.google_identity_in(principal, &self.session(principal))
    }

    /// Every grant that lets what is deployed read what it reads.
    pub fn google_grants(&self) -> Grants {
        self.config.google_grants_in(|principal| self.session(principal))
    }
}
