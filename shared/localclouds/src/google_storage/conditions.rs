//! The conditions of "Request preconditions": parameters that compare numbers, not tags.

use super::error::StorageError;
use super::object::{METAGENERATION, Object};
use super::request::Call;

/// Of an object that exists. `ifGenerationMatch=0` means that none does.
pub(crate) fn check(call: &Call, object: &Object) -> Result<(), StorageError> {
    let pairs = [
        ("ifGenerationMatch", "ifGenerationNotMatch", object.generation),
        ("ifMetagenerationMatch", "ifMetagenerationNotMatch", METAGENERATION),
    ];
    for (is, _, number) in pairs {
        if call.number(is)?.is_some_and(|wanted| wanted != number) {
            return Err(StorageError::condition_not_met(is));
        }
    }
    for (_, is_not, number) in pairs {
        if call.number(is_not)? == Some(number) {
            return Err(StorageError::not_modified());
        }
    }
    Ok(())
}
