//! The five algorithms of "Checking object integrity": stated, computed, combined.

use super::error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use s3s::S3Result;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::Checksum as _;
use s3s::dto::{Checksum, ChecksumType};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

const ALL: [Algorithm; 5] =
    [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme, Algorithm::Sha1, Algorithm::Sha256];

/// The checksum of an object or a part, in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    pub algorithm: Algorithm,
    pub value: String,
}

impl Algorithm {
    /// As `x-amz-checksum-algorithm` has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "CRC32",
            Algorithm::Crc32c => "CRC32C",
            Algorithm::Crc64Nvme => "CRC64NVME",
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
        }
    }

    pub(super) fn named(name: &str) -> S3Result<Self> {
        let found = ALL.into_iter().find(|algorithm| algorithm.name() == name);
        found.ok_or_else(|| error::invalid_checksum("algorithm"))
    }

    fn size(self) -> usize {
        match self {
            Algorithm::Crc32 | Algorithm::Crc32c => 4,
            Algorithm::Crc64Nvme => 8,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
        }
    }

    /// Those that can be put together from parts' checksums.
    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Algorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Algorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Algorithm::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Algorithm::Sha1 | Algorithm::Sha256 => None,
        }
    }

    /// Which kind an upload in parts may have, and has if it does not say.
    pub(super) fn kind(self, asked: Option<&str>) -> S3Result<&'static str> {
        match (self, asked) {
            (Algorithm::Crc64Nvme, None | Some(ChecksumType::FULL_OBJECT)) => Ok(ChecksumType::FULL_OBJECT),
            (Algorithm::Crc32 | Algorithm::Crc32c, Some(ChecksumType::FULL_OBJECT)) => {
                Ok(ChecksumType::FULL_OBJECT)
            }
            (Algorithm::Crc64Nvme, _) => Err(error::other_checksum_type()),
            (_, None | Some(ChecksumType::COMPOSITE)) => Ok(ChecksumType::COMPOSITE),
            _ => Err(error::other_checksum_type()),
        }
    }

    fn field(self, sums: &Checksum) -> Option<&String> {
        match self {
            Algorithm::Crc32 => sums.checksum_crc32.as_ref(),
            Algorithm::Crc32c => sums.checksum_crc32c.as_ref(),
            Algorithm::Crc64Nvme => sums.checksum_crc64nvme.as_ref(),
            Algorithm::Sha1 => sums.checksum_sha1.as_ref(),
            Algorithm::Sha256 => sums.checksum_sha256.as_ref(),
        }
    }
}

/// The checksums that an input names, as `s3s` reads them.
macro_rules! stated {
    ($input:expr) => {{
        let mut sums = s3s::dto::Checksum::default();
        sums.checksum_crc32 = $input.checksum_crc32.clone();
        sums.checksum_crc32c = $input.checksum_crc32c.clone();
        sums.checksum_crc64nvme = $input.checksum_crc64nvme.clone();
        sums.checksum_sha1 = $input.checksum_sha1.clone();
        sums.checksum_sha256 = $input.checksum_sha256.clone();
        sums
    }};
}

/// Says a checksum in an output.
macro_rules! say {
    ($output:expr, $sum:expr) => {
        if let Some(sum) = $sum {
            let value = Some(sum.value.clone());
            match sum.algorithm {
                $crate::s3::checksum::Algorithm::Crc32 => $output.checksum_crc32 = value,
                $crate::s3::checksum::Algorithm::Crc32c => $output.checksum_crc32c = value,
                $crate::s3::checksum::Algorithm::Crc64Nvme => $output.checksum_crc64nvme = value,
                $crate::s3::checksum::Algorithm::Sha1 => $output.checksum_sha1 = value,
                $crate::s3::checksum::Algorithm::Sha256 => $output.checksum_sha256 = value,
            }
        }
    };
}

pub(super) use {say, stated};

/// The one checksum of these, if there is one and it can be one.
pub(super) fn one(sums: &Checksum) -> S3Result<Option<Sum>> {
    let mut found = None;
    for algorithm in ALL {
        let Some(value) = algorithm.field(sums) else { continue };
        if found.is_some() {
            return Err(error::several_checksums());
        }
        let size = STANDARD.decode(value).map(|bytes| bytes.len());
        if size != Ok(algorithm.size()) {
            return Err(error::invalid_checksum(algorithm.name()));
        }
        found = Some(Sum { algorithm, value: value.clone() });
    }
    Ok(found)
}

/// The one that comes behind the body: `x-amz-trailer` names it before.
pub(super) fn in_trailer(headers: &http::HeaderMap) -> S3Result<Option<Algorithm>> {
    let Some(name) = headers.get("x-amz-trailer").and_then(|name| name.to_str().ok()) else {
        return Ok(None);
    };
    match name.trim().strip_prefix("x-amz-checksum-") {
        Some(algorithm) => Algorithm::named(&algorithm.to_ascii_uppercase()).map(Some),
        None => Ok(None),
    }
}

pub(super) fn hasher(algorithms: &[Algorithm]) -> ChecksumHasher {
    let mut hasher = ChecksumHasher::default();
    for algorithm in algorithms {
        match algorithm {
            Algorithm::Crc32 => hasher.crc32 = Some(s3s::crypto::Crc32::new()),
            Algorithm::Crc32c => hasher.crc32c = Some(s3s::crypto::Crc32c::new()),
            Algorithm::Crc64Nvme => hasher.crc64nvme = Some(s3s::crypto::Crc64Nvme::new()),
            Algorithm::Sha1 => hasher.sha1 = Some(s3s::crypto::Sha1::new()),
            Algorithm::Sha256 => hasher.sha256 = Some(s3s::crypto::Sha256::new()),
        }
    }
    hasher
}

pub(super) fn finish(algorithms: &[Algorithm], hasher: ChecksumHasher) -> Vec<Sum> {
    let sums = hasher.finalize();
    let sum =
        |algorithm: &Algorithm| Some(Sum { algorithm: *algorithm, value: algorithm.field(&sums)?.clone() });
    algorithms.iter().filter_map(sum).collect()
}

/// Of a whole object, from those of its parts and their lengths.
pub(super) fn full_object(algorithm: Algorithm, parts: &[(&Sum, u64)]) -> Option<Sum> {
    let crc = algorithm.crc()?;
    let mut whole = 0;
    for (sum, length) in parts {
        whole = crc_fast::checksum_combine(crc, whole, number(&sum.value)?, *length);
    }
    let bytes = whole.to_be_bytes();
    Some(Sum { algorithm, value: STANDARD.encode(&bytes[bytes.len() - algorithm.size()..]) })
}

/// The checksum of the parts' checksums, and of how many.
pub(super) fn composite(algorithm: Algorithm, parts: &[(&Sum, u64)]) -> Sum {
    let mut hasher = hasher(&[algorithm]);
    for (sum, _) in parts {
        hasher.update(&STANDARD.decode(&sum.value).unwrap_or_default());
    }
    let value = finish(&[algorithm], hasher).pop().map(|sum| sum.value).unwrap_or_default();
    Sum { algorithm, value: format!("{value}-{}", parts.len()) }
}

fn number(base64: &str) -> Option<u64> {
    let bytes = STANDARD.decode(base64).ok()?;
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(algorithm: Algorithm, bytes: &[u8]) -> Sum {
        let mut hasher = hasher(&[algorithm]);
        hasher.update(bytes);
        finish(&[algorithm], hasher).remove(0)
    }

    #[test]
    fn parts_combine_to_the_whole_object() {
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let (first, second) = (sum(algorithm, b"some "), sum(algorithm, b"bytes"));
            let whole = full_object(algorithm, &[(&first, 5), (&second, 5)]);
            assert_eq!(whole, Some(sum(algorithm, b"some bytes")), "{}", algorithm.name());
        }
    }

    #[test]
    fn the_sums_of_parts_say_how_many_they_are() {
        let part = sum(Algorithm::Sha256, b"x");
        assert!(composite(Algorithm::Sha256, &[(&part, 1), (&part, 1)]).value.ends_with("=-2"));
        assert_eq!(full_object(Algorithm::Sha256, &[(&part, 1)]), None);
    }

    #[test]
    fn one_checksum_of_the_right_size_is_taken() {
        let crc32c = |value: &str| Checksum { checksum_crc32c: Some(value.into()), ..Checksum::default() };
        assert_eq!(one(&crc32c("ipE2qg==")).unwrap().unwrap().algorithm, Algorithm::Crc32c);
        assert!(one(&crc32c("ipE2qqo=")).is_err(), "five bytes");
        assert!(one(&crc32c("?")).is_err());
        let two = Checksum { checksum_crc32: Some("ipE2qg==".into()), ..crc32c("ipE2qg==") };
        assert!(one(&two).is_err());
        assert!(one(&Checksum::default()).unwrap().is_none());
    }
}
