//! What a deployment says of its sync.

use carnet_federation::config::{Env, Faults};
use carnet_federation::{Error, Hop, Kind, Result, hints};
use carnet_objects::PlaceUrl;
use carnet_objects::s3::S3Bucket;
use carnet_objects::way::Way;
use carnet_sync::copy::keeping;
use carnet_sync::cost::Prices;
use carnet_sync::{
    BatchLimits, CopyOptions, Filter, FilterSpec, Guard, Job, PlanOptions, RunOptions, State, SyncError,
};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Below the destination.
const STATE_FOLDER: &str = ".carnet-sync/";
/// Longer than a call can take, and so long that a run which died does not keep the next ones waiting.
const LEASE: Duration = Duration::from_secs(3600);
/// What one call copies in about a minute, at what a function has of a line.
const BATCH_BYTES: u64 = 4 << 30;
const BATCH_OBJECTS: usize = 500;
/// What one call merges in some ten seconds.
const RANGE_OBJECTS: u64 = 1_000_000;
const MIB: u64 = 1 << 20;

#[derive(Clone, Debug)]
pub struct Settings {
    pub source: PlaceUrl,
    pub bucket: String,
    /// In the bucket: empty, or ends with a slash.
    pub prefix: String,
    pub options: RunOptions,
    pub range_objects: u64,
    /// Of the function.
    pub memory_mb: u64,
}

impl Settings {
    /// | variable | meaning |
    /// |---|---|
    /// | `CARNET_SYNC_SOURCE` | `azure://account/container[/prefix]` or `gs://bucket[/prefix]` |
    /// | `CARNET_SYNC_DESTINATION` | `s3://bucket[/prefix]` |
    /// | `CARNET_SYNC_INCLUDE`, `CARNET_SYNC_EXCLUDE` | globs over names below the source, by commas |
    /// | `CARNET_SYNC_DELETE` | `true`: what is gone from the source is deleted; default `false` |
    /// | `CARNET_SYNC_MAX_DELETES` | by one run; default 1000 |
    /// | `CARNET_SYNC_MAX_DELETE_PERCENT` | of the objects; default 10, but ten objects are never too many |
    /// | `CARNET_SYNC_STORAGE_CLASS`, `CARNET_SYNC_KMS_KEY_ID` | how S3 keeps what is written |
    /// | `CARNET_SYNC_BATCH_OBJECTS` | objects that one call of sync-copy is given; default 500 |
    /// | `CARNET_SYNC_BATCH_BYTES` | bytes that it is given, and of a bigger object's; default 4294967296 |
    /// | `CARNET_SYNC_RANGE_OBJECTS` | of the manifest, that one call of sync-commit merges; default 1000000 |
    /// | `CARNET_SYNC_PRICES` | JSON: prices instead of those that are compiled in, for the report's estimate |
    pub fn read(env: &Env, faults: &mut Faults) -> Option<Self> {
        let source =
            place(env, faults, "CARNET_SYNC_SOURCE", "azure://account/container or gs://bucket", |url| {
                matches!(url, PlaceUrl::Azure { .. } | PlaceUrl::Google { .. })
            });
        let destination = place(env, faults, "CARNET_SYNC_DESTINATION", "s3://bucket/prefix", |url| {
            matches!(url, PlaceUrl::S3 { .. })
        });
        let options = options(env, faults);
        let range_objects = number(env, faults, "CARNET_SYNC_RANGE_OBJECTS", RANGE_OBJECTS, 1..=u64::MAX);
        let PlaceUrl::S3 { bucket, prefix } = destination? else { return None };
        let memory_mb = memory_mb(env);
        Some(Self {
            source: source?,
            bucket,
            prefix,
            options: options?,
            range_objects: range_objects?,
            memory_mb,
        })
    }

    pub fn destination(&self) -> PlaceUrl {
        PlaceUrl::S3 { bucket: self.bucket.clone(), prefix: self.prefix.clone() }
    }

    pub fn state_folder(&self) -> String {
        format!("{}{STATE_FOLDER}", self.prefix)
    }

    /// The pair of places, on the ways to both.
    pub fn job(&self, from: &Way, bucket: Arc<S3Bucket>) -> Result<Job> {
        let job = State::new(bucket.clone(), self.state_folder()).and_then(|state| {
            let (source, destination) = (self.source.to_string(), self.destination().to_string());
            Job::new(from.objects.clone(), source, bucket, destination, &self.prefix, state)
        });
        job.map_err(not_configured)
    }

    /// Which objects take part, by an age that counts from now.
    pub fn filter(&self) -> Result<Filter> {
        Filter::new(self.options.plan.filter.clone(), SystemTime::now()).map_err(not_configured)
    }
}

fn not_configured(error: SyncError) -> Error {
    match error {
        SyncError::Store(error) => error,
        other => Error::new(Hop::Config, Kind::NotConfigured, "CARNET_SYNC_DESTINATION", other.to_string())
            .with_hint(&hints::CONFIGURATION),
    }
}

fn place(
    env: &Env,
    faults: &mut Faults,
    variable: &str,
    form: &str,
    fits: impl Fn(&PlaceUrl) -> bool,
) -> Option<PlaceUrl> {
    match env.get(variable).map(|url| PlaceUrl::parse_in(url, env.get("AZURE_STORAGE_ACCOUNT"))) {
        None => faults.add(variable, &format!("is not set; it is like {form}")),
        Some(Ok(url)) if fits(&url) => return Some(url),
        Some(Ok(_)) => faults.add(variable, &format!("is no {form}")),
        Some(Err(why)) => faults.add(variable, &why.to_string()),
    }
    None
}

fn options(env: &Env, faults: &mut Faults) -> Option<RunOptions> {
    let filter = filter(env, faults);
    let delete = match env.get("CARNET_SYNC_DELETE") {
        None | Some("false") => Some(false),
        Some("true") => Some(true),
        Some(_) => {
            faults.add("CARNET_SYNC_DELETE", "is neither true nor false");
            None
        }
    };
    let objects = number(env, faults, "CARNET_SYNC_BATCH_OBJECTS", BATCH_OBJECTS, 1..=100_000);
    let bytes = number(env, faults, "CARNET_SYNC_BATCH_BYTES", BATCH_BYTES, 8 * MIB..=1 << 40);
    let guard = guard(env, faults);
    let copy = copy(env, faults);
    let prices = prices(env, faults);
    let batches = BatchLimits { objects: objects?, bytes: bytes?, spread: true };
    Some(RunOptions {
        plan: PlanOptions { filter: filter?, delete: delete?, batches, ..PlanOptions::default() },
        copy: copy?,
        guard: guard?,
        holder: env.get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or("a function").to_owned(),
        lease_term: LEASE,
        prices: prices?,
        ..RunOptions::default()
    })
}

fn filter(env: &Env, faults: &mut Faults) -> Option<FilterSpec> {
    let mut sound = true;
    let mut globs = |variable: &str| -> Vec<String> {
        let globs: Vec<String> = env.get(variable).map_or(Vec::new(), |list| {
            list.split(',').map(|glob| glob.trim().to_owned()).filter(|glob| !glob.is_empty()).collect()
        });
        let alone = FilterSpec { include: globs.clone(), ..FilterSpec::default() };
        if let Err(why) = Filter::new(alone, SystemTime::now()) {
            faults.add(variable, &why.to_string());
            sound = false;
        }
        globs
    };
    let spec = FilterSpec {
        include: globs("CARNET_SYNC_INCLUDE"),
        exclude: globs("CARNET_SYNC_EXCLUDE"),
        ..FilterSpec::default()
    };
    sound.then_some(spec)
}

fn guard(env: &Env, faults: &mut Faults) -> Option<Guard> {
    let usual = Guard::default();
    let max_deletes = number(env, faults, "CARNET_SYNC_MAX_DELETES", usual.max_deletes, 0..=u64::MAX);
    let percent = "CARNET_SYNC_MAX_DELETE_PERCENT";
    let max_percent = number(env, faults, percent, usual.max_percent, 0..=100);
    // Whoever states a share means it, in a small place too.
    let always = if env.get(percent).is_some() { 0 } else { usual.always };
    Some(Guard { max_deletes: max_deletes?, max_percent: max_percent?, always, passed: None })
}

fn copy(env: &Env, faults: &mut Faults) -> Option<CopyOptions> {
    let mut sound = true;
    let mut word = |variable: &str, parse: fn(&str) -> std::result::Result<String, String>| {
        let parsed = env.get(variable).map(parse).transpose();
        parsed.unwrap_or_else(|why| {
            faults.add(variable, &why);
            sound = false;
            None
        })
    };
    let storage_class = word("CARNET_SYNC_STORAGE_CLASS", keeping::storage_class);
    let kms_key_id = word("CARNET_SYNC_KMS_KEY_ID", keeping::kms_key);
    let memory = memory(env);
    // In one piece an object is one request, in parts it is three more than it has parts.
    let whole_up_to = (memory / 16).clamp(8 * MIB, 16 * MIB);
    let copy = CopyOptions { storage_class, kms_key_id, memory, whole_up_to, ..CopyOptions::default() };
    sound.then_some(copy)
}

/// A quarter of what the function has, for bodies.
fn memory(env: &Env) -> u64 {
    (memory_mb(env) * MIB / 4).clamp(32 * MIB, 256 * MIB)
}

fn memory_mb(env: &Env) -> u64 {
    env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").and_then(|mib| mib.parse().ok()).unwrap_or(256)
}

fn prices(env: &Env, faults: &mut Faults) -> Option<Prices> {
    let usual = Prices::compiled_in();
    let Some(json) = env.get("CARNET_SYNC_PRICES") else { return Some(usual) };
    match Prices::parse(json).and_then(|own| usual.overridden_by(own)) {
        Ok(prices) => Some(prices),
        Err(why) => {
            faults.add("CARNET_SYNC_PRICES", &why.to_string());
            None
        }
    }
}

fn number<T: FromStr + PartialOrd + std::fmt::Display>(
    env: &Env,
    faults: &mut Faults,
    variable: &str,
    usual: T,
    range: std::ops::RangeInclusive<T>,
) -> Option<T> {
    match env.get(variable).map(str::parse::<T>) {
        None => Some(usual),
        Some(Ok(number)) if range.contains(&number) => Some(number),
        Some(_) => {
            let (least, most) = range.into_inner();
            faults.add(variable, &format!("is not a number from {least} to {most}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnet_federation::config::gather;

    fn read(pairs: &[(&str, &str)]) -> std::result::Result<Settings, String> {
        let env: Env = pairs.iter().copied().collect();
        gather(|faults| Settings::read(&env, faults)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_pair_of_places_is_enough() {
        let ends = [("CARNET_SYNC_SOURCE", "gs://bucket/a"), ("CARNET_SYNC_DESTINATION", "s3://copies/b")];
        let settings = read(&ends).unwrap();
        assert_eq!(settings.state_folder(), "b/.carnet-sync/");
        assert_eq!(settings.destination().to_string(), "s3://copies/b/");
        assert!(!settings.options.plan.delete && settings.options.plan.batches.spread);
        assert_eq!(settings.options.guard, Guard::default());
    }

    #[test]
    fn every_fault_is_said_at_once_and_names_its_variable() {
        let faults = read(&[
            ("CARNET_SYNC_SOURCE", "s3://bucket"),
            ("CARNET_SYNC_INCLUDE", "a,[b"),
            ("CARNET_SYNC_DELETE", "yes"),
            ("CARNET_SYNC_MAX_DELETES", "-1"),
            ("CARNET_SYNC_MAX_DELETE_PERCENT", "101"),
            ("CARNET_SYNC_STORAGE_CLASS", "cold"),
            ("CARNET_SYNC_KMS_KEY_ID", "a key"),
            ("CARNET_SYNC_BATCH_OBJECTS", "0"),
            ("CARNET_SYNC_BATCH_BYTES", "1"),
            ("CARNET_SYNC_RANGE_OBJECTS", "many"),
            ("CARNET_SYNC_PRICES", "cheap"),
        ])
        .unwrap_err();
        for variable in ["SOURCE", "DESTINATION", "INCLUDE", "DELETE", "MAX_DELETES", "MAX_DELETE_PERCENT"] {
            assert!(faults.contains(&format!("CARNET_SYNC_{variable}: ")), "{variable} in {faults}");
        }
        for variable in
            ["STORAGE_CLASS", "KMS_KEY_ID", "BATCH_OBJECTS", "BATCH_BYTES", "RANGE_OBJECTS", "PRICES"]
        {
            assert!(faults.contains(&format!("CARNET_SYNC_{variable}: ")), "{variable} in {faults}");
        }
    }
}
