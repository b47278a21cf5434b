//! The environment of this function, read once at start.

use carnet_federation::adapter::azure::AzureCredential;
use carnet_federation::config::{AzureSettings, Env, Faults};
use carnet_federation::http::Http;
use carnet_federation::{Error, Hop, Kind, Result};
use carnet_object_api::places;
use carnet_objects::azure::{AzureBlobs, AzureLocation};
use carnet_objects::{ObjectSource, PlaceUrl, Places};
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct Settings {
    pub azure: AzureSettings,
    places: Places,
}

/// `CARNET_PLACES` and what [`AzureSettings`] reads. Every fault is reported, together.
pub fn read(env: &Env) -> Result<Settings> {
    let mut faults = Faults::default();
    let azure = AzureSettings::read(env, &mut faults);
    let places = places::read(env, &mut faults, "assets=azure://account/container/prefix");
    faults.into_result()?;
    match (azure, places) {
        (Some(azure), Some(places)) => Ok(Settings { azure, places }),
        // Unreachable while whoever answers `None` adds a fault; an error all the same.
        _ => Err(Error::new(Hop::Config, Kind::NotConfigured, "environment", "the settings are incomplete")),
    }
}

impl Settings {
    pub fn sources(
        &self,
        http: &Http,
        credential: &Arc<AzureCredential>,
    ) -> Result<BTreeMap<String, Arc<dyn ObjectSource>>> {
        places::sources(&self.places, |place| {
            let PlaceUrl::Azure { account, container, .. } = &place.url else {
                return Err(places::fault(place, "only azure:// places are served here"));
            };
            let location = AzureLocation::new(&self.azure.blob_endpoint, account, container)
                .map_err(|why| places::fault(place, why))?;
            Ok(Arc::new(AzureBlobs::new(http, credential.clone(), &location)?))
        })
    }
}
