//! What is to be done with one object, and why.

use crate::listing::Found;
use crate::piece::Record;
use carnet_objects::{Key, Version};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    Copy(Task),
    /// The destination has what it should have.
    Keep {
        #[serde(with = "crate::text::key")]
        key: Key,
        why: Kept,
    },
    Delete(Deletion),
    /// At the source, and not to be copied.
    Skip {
        name: String,
        why: Skipped,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    #[serde(flatten)]
    pub found: Found,
    pub reason: Reason,
    /// What is at the destination by the manifest, to be replaced.
    #[serde(with = "crate::text::optional_version", default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Version>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The manifest does not know it.
    New,
    /// The source has another version than the one that was copied.
    OtherVersion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// The source still has the version that was copied.
    SameVersion,
    /// The filter leaves it out, here as at the source.
    Excluded,
    /// The source has it under a name that cannot be asked for.
    Unaddressable,
    /// Gone from the source, but it was at the destination before we were.
    NotWrittenByUs,
    /// Gone from the source, and the run is not one that deletes.
    NotAskedToDelete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skipped {
    Excluded,
    /// Its name cannot be asked for.
    Unaddressable,
    /// Its name, with the destination's prefix, would be too long.
    NameTooLong,
    /// It would lie among the files of the state.
    Reserved,
}

/// An object at the destination to be deleted, if it is still what was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    #[serde(with = "crate::text::key")]
    pub key: Key,
    #[serde(with = "crate::text::version")]
    pub etag: Version,
    pub size: u64,
}

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Skipped::Excluded => "the filter leaves it out",
            Skipped::Unaddressable => "its name cannot be asked for",
            Skipped::NameTooLong => "its name is too long below the destination's prefix",
            Skipped::Reserved => "it would lie among the files of the state",
        })
    }
}

impl Task {
    pub fn new(found: Found, reason: Reason, replaces: Option<Version>) -> Self {
        Self { found, reason, replaces }
    }
}

impl Record for Task {
    fn name(&self) -> &str {
        self.found.key.as_str()
    }
}

impl Record for Deletion {
    fn name(&self) -> &str {
        self.key.as_str()
    }
}
