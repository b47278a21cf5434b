//! What is asked: one stage in one region, and what `carnet.toml` says is there.

use crate::args::{Args, Group};
use crate::failure::Failure;
use crate::report::Format;
use carnet_trust::config::{Config, Place, Principal, Sync, listed};
use carnet_trust::derive::Deployment;
use std::collections::BTreeMap;

pub struct Target {
    pub deployment: Deployment,
    args: Args,
}

/// A function of the stage.
pub struct Function<'t> {
    /// As `carnet.toml` names it.
    pub name: &'t str,
    /// As Lambda has it.
    pub deployed_name: String,
    pub principal: &'t Principal,
    /// Those that it serves by the API. The sync's functions serve none.
    pub places: Vec<Reading<'t>>,
}

impl Function<'_> {
    /// Whether it is one of those that copy a place, and answer no caller.
    pub fn is_of_the_sync(&self) -> bool {
        Sync::FUNCTIONS.contains(&self.name)
    }
}

/// A place, as one function or instance reads it.
pub struct Reading<'t> {
    pub reader: &'t str,
    pub place: &'t str,
    pub url: &'t Place,
    /// The key that `--object` names.
    pub wanted: Option<&'t str>,
}

impl Reading<'_> {
    /// What a report calls it.
    pub fn subject(&self) -> String {
        format!("{} {}", self.reader, self.place)
    }

    /// The place's path below the API.
    pub fn route(&self) -> String {
        match self.url {
            Place::Azure { .. } => format!("azure/{}", self.place),
            Place::Google { .. } => format!("gcs/{}", self.place),
        }
    }

    /// A key of the place, as the store has it.
    pub fn key_in_store(&self, key: &str) -> String {
        match self.url {
            Place::Azure { prefix, .. } | Place::Google { prefix, .. } if !prefix.is_empty() => {
                format!("{prefix}/{key}")
            }
            _ => key.to_owned(),
        }
    }

    /// `azure://account/container/prefix/key`
    pub fn location(&self, key: &str) -> String {
        self.location_in_store(&self.key_in_store(key))
    }

    /// The same of a key as the store has it.
    pub fn location_in_store(&self, key: &str) -> String {
        match self.url {
            Place::Azure { account, container, .. } => format!("azure://{account}/{container}/{key}"),
            Place::Google { bucket, .. } => format!("gs://{bucket}/{key}"),
        }
    }
}

impl Target {
    pub fn choose(args: Args) -> Result<Self, String> {
        let file = args.config.display();
        let text = std::fs::read_to_string(&args.config).map_err(|error| format!("{file}: {error}"))?;
        let config = Config::parse(&text).map_err(|faults| format!("{file}: {}", listed(&faults)))?;
        let deployment = deployment(&config, args.stage.as_deref(), args.region.as_deref())?;
        let known = |section: &str, names: &BTreeMap<String, _>, option: &str, name: &str| {
            if names.contains_key(name) {
                return Ok(());
            }
            let names: Vec<&str> = names.keys().map(String::as_str).collect();
            Err(format!("--{option}: {file} has no {section} {name}; it has {}", names.join(", ")))
        };
        for function in args.apis.keys().flatten() {
            known("function", &config.functions, "api", function)?;
        }
        if let Some(instance) = &args.instance {
            known("instance", &config.instances, "as", instance)?;
        }
        let places: BTreeMap<String, Principal> =
            config.places.keys().map(|name| (name.clone(), Principal::default())).collect();
        for place in args.objects.keys() {
            known("place", &places, "object", place)?;
        }
        Ok(Self { deployment, args })
    }

    pub fn asks(&self, group: Group) -> bool {
        self.args.only.is_empty() || self.args.only.contains(&group)
    }

    /// Whether `--only` names it.
    pub fn asks_by_name(&self, group: Group) -> bool {
        self.args.only.contains(&group)
    }

    pub fn format(&self) -> Format {
        self.args.format
    }

    pub fn config(&self) -> &Config {
        &self.deployment.config
    }

    pub fn region(&self) -> &str {
        &self.config().aws.region
    }

    pub fn account(&self) -> &str {
        &self.config().aws.account
    }

    /// The stage and its region, in words.
    pub fn name(&self) -> String {
        let aws = &self.config().aws;
        let stage = self.deployment.stage.as_ref().map_or(String::new(), |stage| format!("stage {stage}, "));
        format!("{stage}stack {}, account {}, {}", aws.stack, aws.account, aws.region)
    }

    pub fn functions(&self) -> impl Iterator<Item = Function<'_>> {
        self.config().functions.iter().map(|(name, principal)| {
            let deployed_name = self.deployment.function_name(name);
            let function = Function { name, deployed_name, principal, places: Vec::new() };
            let places = self.readings(name, principal).filter(|_| !function.is_of_the_sync()).collect();
            Function { places, ..function }
        })
    }

    /// What a principal reads.
    pub fn readings<'t>(
        &'t self,
        reader: &'t str,
        principal: &'t Principal,
    ) -> impl Iterator<Item = Reading<'t>> {
        principal.reads.iter().filter_map(move |place| {
            let url = self.config().places.get(place)?;
            Some(Reading { reader, place, url, wanted: self.args.objects.get(place).map(String::as_str) })
        })
    }

    /// The base URL of a function's API, without a slash at the end.
    pub fn api(&self, function: &str) -> Option<&str> {
        let own = self.args.apis.get(&Some(function.to_owned()));
        own.or_else(|| self.args.apis.get(&None)).map(|url| url.trim_end_matches('/'))
    }

    /// The instance that this machine is: the one named, else the one whose role it has.
    pub fn instance(&self, arn: &str) -> Option<(&str, &Principal)> {
        let role = role_of(arn);
        let is_it = |name: &str| match &self.args.instance {
            Some(named) => named == name,
            None => Some(self.config().role_name(name).as_str()) == role,
        };
        let mut instances = self.config().instances.iter();
        instances.find(|(name, _)| is_it(name)).map(|(name, principal)| (name.as_str(), principal))
    }

    /// The credentials of another account would be refused everywhere, and say little of why.
    pub fn is_in_its_account(&self, arn: &str) -> Result<(), Failure> {
        match arn.split(':').nth(4) {
            Some(account) if account == self.account() => Ok(()),
            _ => Err(Failure::new("config", "not_configured", "the AWS credentials are of another account")
                .field("account", arn)
                .change(format!("use credentials of account {}, or name the stage meant", self.account()))),
        }
    }
}

/// The role's name, of the session's ARN: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
pub fn role_of(arn: &str) -> Option<&str> {
    arn.split(":assumed-role/").nth(1)?.split('/').next()
}

fn deployment(config: &Config, stage: Option<&str>, region: Option<&str>) -> Result<Deployment, String> {
    let all = config.deployments();
    let words = |one: &Deployment| match &one.stage {
        Some(stage) => format!("--stage {stage} --region {}", one.config.aws.region),
        None => format!("--region {}", one.config.aws.region),
    };
    let there_are = || all.iter().map(words).collect::<Vec<_>>().join("\n  ");
    let meant = |one: &&Deployment| {
        stage.is_none_or(|stage| one.stage.as_deref() == Some(stage))
            && region.is_none_or(|region| one.config.aws.region == region)
    };
    let mut chosen = all.iter().filter(meant);
    match (chosen.next(), chosen.next()) {
        (Some(one), None) => Ok(one.clone()),
        (None, _) => Err(format!("there is no such stage and region; there are\n  {}", there_are())),
        (Some(_), Some(_)) => {
            Err(format!("one stage in one region at a time; name one of\n  {}", there_are()))
        }
    }
}
