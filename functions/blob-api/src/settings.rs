//! The environment of this function, read once at start.

use carnet_federation::adapter::azure::AzureCredential;
use carnet_federation::config::{AzureSettings, Env, Faults};
use carnet_federation::http::Http;
use carnet_federation::{Error, Hop, Kind, Result, hints};
use carnet_objects::azure::{AzureBlobs, AzureLocation};
use carnet_objects::{ObjectSource, PlaceUrl, Places, Rooted};
use std::collections::BTreeMap;
use std::sync::Arc;

const PLACES: &str = "CARNET_PLACES";

pub struct Settings {
    pub azure: AzureSettings,
    places: Places,
}

/// `CARNET_PLACES` and what [`AzureSettings`] reads. Every fault is reported, together.
pub fn read(env: &Env) -> Result<Settings> {
    let mut faults = Faults::default();
    let azure = AzureSettings::read(env, &mut faults);
    let places = places(env, &mut faults);
    faults.into_result()?;
    match (azure, places) {
        (Some(azure), Some(places)) => Ok(Settings { azure, places }),
        // Unreachable while whoever answers `None` adds a fault; an error all the same.
        _ => Err(fault("the settings are incomplete")),
    }
}

fn places(env: &Env, faults: &mut Faults) -> Option<Places> {
    let Some(list) = env.get(PLACES) else {
        faults.add(PLACES, "is not set; it names what may be read: assets=azure://account/container/prefix");
        return None;
    };
    match Places::parse_in(list, env.get("AZURE_STORAGE_ACCOUNT")) {
        Ok(places) => Some(places),
        Err(why) => {
            why.iter().for_each(|fault| faults.add(PLACES, fault));
            None
        }
    }
}

impl Settings {
    /// One source a place. Callers see the place's prefix as its root.
    pub fn sources(
        &self,
        http: &Http,
        credential: &Arc<AzureCredential>,
    ) -> Result<BTreeMap<String, Arc<dyn ObjectSource>>> {
        self.places
            .iter()
            .map(|place| {
                let PlaceUrl::Azure { account, container, prefix } = &place.url else {
                    return Err(fault(&format!("{}: only azure:// places are served here", place.name)));
                };
                let location = AzureLocation::new(&self.azure.blob_endpoint, account, container)
                    .map_err(|why| fault(&format!("{}: {why}", place.name)))?;
                let blobs = Arc::new(AzureBlobs::new(http, credential.clone(), &location)?);
                Ok((place.name.clone(), Arc::new(Rooted::new(blobs, prefix)) as Arc<dyn ObjectSource>))
            })
            .collect()
    }
}

fn fault(what: &str) -> Error {
    Error::new(Hop::Config, Kind::NotConfigured, PLACES, what).with_hint(&hints::CONFIGURATION)
}
