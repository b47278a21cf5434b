//! The places a function serves, from its environment.

use carnet_federation::config::{Env, Faults};
use carnet_federation::{Error, Hop, Kind, Result, hints};
use carnet_objects::{ObjectSource, Place, Places, Rooted};
use std::collections::BTreeMap;
use std::sync::Arc;

const VARIABLE: &str = "CARNET_PLACES";

/// `CARNET_PLACES`: names for URLs, separated by commas. `example` is what a function's own look like.
pub fn read(env: &Env, faults: &mut Faults, example: &str) -> Option<Places> {
    let Some(list) = env.get(VARIABLE) else {
        faults.add(VARIABLE, &format!("is not set; it names what may be read: {example}"));
        return None;
    };
    match Places::parse_in(list, env.get("AZURE_STORAGE_ACCOUNT")) {
        Ok(places) => Some(places),
        Err(why) => {
            why.iter().for_each(|fault| faults.add(VARIABLE, fault));
            None
        }
    }
}

/// One source a place, by its name. Callers see the place's prefix as its root. `open` says what is
/// wrong with a place it cannot serve.
pub fn sources(
    places: &Places,
    open: impl Fn(&Place) -> Result<Arc<dyn ObjectSource>>,
) -> Result<BTreeMap<String, Arc<dyn ObjectSource>>> {
    let source = |place: &Place| {
        let rooted: Arc<dyn ObjectSource> = Arc::new(Rooted::new(open(place)?, place.url.prefix()));
        Ok((place.name.clone(), rooted))
    };
    places.iter().map(source).collect()
}

/// A place that a function cannot serve.
pub fn fault(place: &Place, what: impl std::fmt::Display) -> Error {
    let what = format!("{}: {what}", place.name);
    Error::new(Hop::Config, Kind::NotConfigured, VARIABLE, what).with_hint(&hints::CONFIGURATION)
}
