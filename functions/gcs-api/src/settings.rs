//! The environment of this function, read once at start.

use carnet_federation::config::{Env, Faults, GoogleSettings};
use carnet_federation::{Error, Hop, Kind, Result};
use carnet_object_api::places;
use carnet_objects::google::CloudStorage;
use carnet_objects::{ObjectSource, PlaceUrl, Places};
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct Settings {
    pub google: GoogleSettings,
    places: Places,
}

/// `CARNET_PLACES` and what [`GoogleSettings`] reads. Every fault is reported, together.
pub fn read(env: &Env) -> Result<Settings> {
    let mut faults = Faults::default();
    let google = GoogleSettings::read(env, &mut faults);
    let places = places::read(env, &mut faults, "assets=gs://bucket/prefix");
    faults.into_result()?;
    match (google, places) {
        (Some(google), Some(places)) => Ok(Settings { google, places }),
        // Unreachable while whoever answers `None` adds a fault; an error all the same.
        _ => Err(Error::new(Hop::Config, Kind::NotConfigured, "environment", "the settings are incomplete")),
    }
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
