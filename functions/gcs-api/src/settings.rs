//! The environment of this function, read once at start.

use carnet_federation::config::{self, Env, GoogleSettings};
use carnet_federation::{Mints, Result};
use carnet_object_api::places;
use carnet_objects::google::CloudStorage;
use carnet_objects::{ObjectSource, PlaceUrl, Places};
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct Settings {
    pub google: GoogleSettings,
    pub mints: Mints,
    places: Places,
}

/// `CARNET_PLACES`, and what [`GoogleSettings`] and [`Mints`] read. Every fault is reported, together.
pub fn read(env: &Env) -> Result<Settings> {
    config::gather(|faults| {
        // All are read before any is missed.
        let google = GoogleSettings::read(env, faults);
        let mints = Mints::read(env, faults);
        let places = places::read(env, faults, "assets=gs://bucket/prefix");
        Some(Settings { google: google?, mints: mints?, places: places? })
    })
}

impl Settings {
    pub fn sources(&self, storage: &CloudStorage) -> Result<BTreeMap<String, Arc<dyn ObjectSource>>> {
        places::sources(&self.places, |place| {
            let PlaceUrl::Google { bucket, .. } = &place.url else {
                return Err(places::fault(place, "only gs:// places are served here"));
            };
            Ok(Arc::new(storage.bucket(bucket)?))
        })
    }
}
