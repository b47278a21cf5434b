//! Whether two readings are of the same bytes, without keeping any.

use carnet_objects::Digests;
use md5::{Digest as _, Md5};

/// Both digests that a store may keep, as bytes pass.
#[derive(Default)]
pub struct Running {
    md5: Md5,
    crc32c: u32,
}

impl Running {
    pub fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.crc32c = crc32c::crc32c_append(self.crc32c, bytes);
    }

    pub fn finish(self) -> Digests {
        Digests { md5: Some(self.md5.finalize().into()), crc32c: Some(self.crc32c) }
    }
}
