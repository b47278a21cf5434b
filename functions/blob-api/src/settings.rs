//! The environment of this function, read once at start.

use carnet_federation::adapter::azure::AzureCredential;
use carnet_federation::config::{self, AzureSettings, Env};
use carnet_federation::http::Http;
use carnet_federation::{Mints, Result};
use carnet_object_api::places;
use carnet_objects::azure::{AzureBlobs, AzureLocation};
use carnet_objects::{ObjectSource, PlaceUrl, Places};
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct Settings {
    pub azure: AzureSettings,
    pub mints: Mints,
    places: Places,
}

/// `CARNET_PLACES`, and what [`AzureSettings`] and [`Mints`] read. Every fault is reported, together.
pub fn read(env: &Env) -> Result<Settings> {
    config::gather(|faults| {
        // All are read before any is missed.
        let azure = AzureSettings::read(env, faults);
        let mints = Mints::read(env, faults);
        let places = places::read(env, faults, "assets=azure://account/container/prefix");
        Some(Settings { azure: azure?, mints: mints?, places: places? })
    })
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
