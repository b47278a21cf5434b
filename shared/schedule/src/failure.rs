//! What failed, by a name that the engine acts on: `Carnet.Again` is retried, `Carnet.LeaseHeld` ends the
//! execution in peace, all others end it in failure.

use carnet_federation::Kind;
use carnet_lambda::Failure;
use carnet_sync::SyncError;

pub(crate) const AGAIN: &str = "Again";

pub(crate) fn of(error: &SyncError) -> Failure {
    let name = match error {
        SyncError::Store(error) => match error.kind() {
            Kind::Unavailable | Kind::Throttled | Kind::Deadline | Kind::Unauthenticated => AGAIN,
            _ => return Failure::of(error),
        },
        SyncError::Held { .. } => "LeaseHeld",
        SyncError::LeaseLost => "LeaseLost",
        SyncError::RunIsOver { .. } => "RunIsOver",
        SyncError::ManifestMoved => "ManifestMoved",
        SyncError::Settings(_) => "Settings",
        SyncError::OtherPlaces { .. } => "OtherPlaces",
        SyncError::Newer { .. } => "NewerState",
        SyncError::Corrupt { .. } => "CorruptState",
        SyncError::Disorder(_) => "Disorder",
        _ => "Machine",
    };
    Failure::new(name, error.to_string())
}
