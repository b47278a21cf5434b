//! Objects in one piece.

use super::S3Bucket;
use super::errors::{self, Answer};
use crate::key::Key;
use crate::object::Version;
use crate::sink::{
    Attributes, Condition, Crc32c, Deletion, Got, PutRequest, SinkObject, WriteOutcome, Written,
};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumMode, ChecksumType, ServerSideEncryption, StorageClass};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use bytes::{Bytes, BytesMut};
use carnet_federation::{Error, Hop, Kind, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

/// What RFC 3986 calls unreserved stays as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl S3Bucket {
    pub(super) async fn head_object(&self, key: &Key) -> Result<Option<SinkObject>> {
        let call = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .set_expected_bucket_owner(self.owner.clone())
            .checksum_mode(ChecksumMode::Enabled);
        match call.send().await {
            Ok(output) => self.object(key, Facts::of_head(&output)).map(Some),
            Err(error) => {
                let answer = errors::answer(Hop::Read, &self.target, error)?;
                // The answer to a HEAD has no body, so a missing bucket looks the same.
                if answer.status == 404 { Ok(None) } else { Err(answer.into_error(Hop::Read, &self.target)) }
            }
        }
    }

    pub(super) async fn get_small(
        &self,
        key: &Key,
        if_none_match: Option<&Version>,
        limit: usize,
    ) -> Result<Got> {
        let call = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .set_expected_bucket_owner(self.owner.clone())
            .set_if_none_match(if_none_match.map(|version| version.as_str().to_owned()))
            .customize()
            .mutate_request(with_checksum);
        let output = match call.send().await {
            Ok(output) => output,
            Err(error) => {
                let answer = errors::answer(Hop::Read, &self.target, error)?;
                return match answer.status {
                    304 => Ok(Got::NotModified),
                    404 if !answer.is("NoSuchBucket") => Ok(Got::Missing),
                    _ => Err(answer.into_error(Hop::Read, &self.target)),
                };
            }
        };
        let object = self.object(key, Facts::of_get(&output))?;
        if object.size > limit as u64 {
            let message = format!("{key} has {} bytes, and {limit} is the limit", object.size);
            return Err(Error::new(Hop::Read, Kind::OutOfRange, &self.target, message));
        }
        let body = self.collect(output.body, object.size as usize).await?;
        if object.crc32c.is_some_and(|kept| kept != Crc32c::of(&body)) {
            let message = format!("{key}: the bytes do not have the CRC32C that the store keeps");
            return Err(Error::new(Hop::Read, Kind::Malformed, &self.target, message));
        }
        Ok(Got::Object { object: Box::new(object), body })
    }

    /// Exactly `size` bytes.
    async fn collect(&self, mut body: ByteStream, size: usize) -> Result<Bytes> {
        let cut = || Error::new(Hop::Read, Kind::Unavailable, &self.target, "the body was cut");
        let mut bytes = BytesMut::with_capacity(size);
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| cut())?;
            if chunk.len() > size - bytes.len() {
                return Err(self.malformed(Hop::Read, "more bytes than it said"));
            }
            bytes.extend_from_slice(&chunk);
        }
        if bytes.len() == size { Ok(bytes.freeze()) } else { Err(cut()) }
    }

    pub(super) async fn put_object(
        &self,
        key: &Key,
        body: Bytes,
        request: &PutRequest,
    ) -> Result<WriteOutcome> {
        let (if_match, if_none_match) = headers(&request.condition);
        let attributes = &request.attributes;
        let call = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .set_expected_bucket_owner(self.owner.clone())
            .body(ByteStream::from(body))
            .checksum_crc32_c(request.crc32c.to_base64())
            .set_if_match(if_match)
            .set_if_none_match(if_none_match)
            .set_content_type(attributes.content_type.clone())
            .set_content_encoding(attributes.content_encoding.clone())
            .set_cache_control(attributes.cache_control.clone())
            .set_content_disposition(attributes.content_disposition.clone())
            .set_metadata(metadata(attributes))
            .set_storage_class(storage_class(attributes))
            .set_server_side_encryption(encryption(attributes))
            .set_ssekms_key_id(attributes.kms_key_id.clone())
            .set_tagging(tagging(attributes));
        match call.customize().disable_payload_signing().send().await {
            Ok(output) => {
                let kept = self.stated(Hop::Write, output.checksum_crc32_c())?;
                if kept.is_some_and(|kept| kept != request.crc32c) {
                    return Err(self.malformed(Hop::Write, "another checksum than that of the bytes"));
                }
                Ok(WriteOutcome::Written(Written {
                    version: self.version(Hop::Write, output.e_tag())?,
                    version_id: output.version_id().map(str::to_owned),
                    crc32c: kept,
                    request_id: errors::request_id(&output),
                }))
            }
            Err(error) => {
                self.unwritten(errors::answer(Hop::Write, &self.target, error)?, &request.condition)
            }
        }
    }

    /// What a refused write means: "How to prevent object overwrites with conditional writes".
    pub(super) fn unwritten(&self, answer: Answer, condition: &Condition) -> Result<WriteOutcome> {
        if *condition == Condition::None {
            return Err(answer.into_error(Hop::Write, &self.target));
        }
        match answer.status {
            412 => Ok(WriteOutcome::Unmet),
            409 => Ok(WriteOutcome::Conflict),
            404 if answer.is("NoSuchKey") => Ok(WriteOutcome::Gone),
            _ if answer.is("PreconditionFailed") => Ok(WriteOutcome::Unmet),
            _ if answer.is("ConditionalRequestConflict") => Ok(WriteOutcome::Conflict),
            _ => Err(answer.into_error(Hop::Write, &self.target)),
        }
    }

    pub(super) async fn delete_object(&self, key: &Key, if_match: Option<&Version>) -> Result<Deletion> {
        let call = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .set_expected_bucket_owner(self.owner.clone())
            .set_if_match(if_match.map(|version| version.as_str().to_owned()));
        let Err(error) = call.send().await else { return Ok(Deletion::Deleted) };
        let answer = errors::answer(Hop::Write, &self.target, error)?;
        match answer.status {
            412 => Ok(Deletion::Changed),
            409 if if_match.is_some() => Ok(Deletion::Conflict),
            404 if answer.is("NoSuchKey") => Ok(Deletion::Gone),
            _ => Err(answer.into_error(Hop::Write, &self.target)),
        }
    }

    /// Of a part of it: its size is in `Content-Range`.
    pub(super) fn object_of_get(&self, key: &Key, output: &GetObjectOutput, size: u64) -> Result<SinkObject> {
        let facts = Facts { size: i64::try_from(size).ok(), ..Facts::of_get(output) };
        self.object(key, facts)
    }

    fn object(&self, key: &Key, facts: Facts<'_>) -> Result<SinkObject> {
        let kept = self.stated(Hop::Read, facts.crc32c)?;
        let size = facts.size.and_then(|size| u64::try_from(size).ok());
        Ok(SinkObject {
            key: key.clone(),
            size: size.ok_or_else(|| self.malformed(Hop::Read, "no length"))?,
            version: self.version(Hop::Read, facts.e_tag)?,
            last_modified: self.date(Hop::Read, facts.last_modified)?,
            // That of the parts' checksums is none of the object.
            crc32c: kept.filter(|_| facts.checksum_type != Some(&ChecksumType::Composite)),
            attributes: facts.attributes,
        })
    }

    /// A checksum as the store states it. One of parts' checksums says so by its ending, `-3`.
    pub(super) fn stated(&self, hop: Hop, crc32c: Option<&str>) -> Result<Option<Crc32c>> {
        match crc32c.filter(|text| !text.contains('-')) {
            None => Ok(None),
            Some(text) => Crc32c::from_base64(text).map(Some).map_err(|why| self.malformed(hop, why)),
        }
    }

    pub(super) fn version(&self, hop: Hop, e_tag: Option<&str>) -> Result<Version> {
        let tag = e_tag.ok_or_else(|| self.malformed(hop, "no entity tag"))?;
        Version::parse(tag).map_err(|why| self.malformed(hop, why))
    }

    pub(super) fn date(&self, hop: Hop, date: Option<&DateTime>) -> Result<SystemTime> {
        date.and_then(|date| SystemTime::try_from(*date).ok())
            .ok_or_else(|| self.malformed(hop, "no date that can be understood"))
    }
}

/// Asks for the checksum, which is then checked here. Told of the wish, the SDK would check it too, in a
/// pass of its own.
pub(super) fn with_checksum(request: &mut HttpRequest) {
    request.headers_mut().insert("x-amz-checksum-mode", "ENABLED");
}

/// What a HEAD and a GET say alike.
struct Facts<'o> {
    size: Option<i64>,
    e_tag: Option<&'o str>,
    last_modified: Option<&'o DateTime>,
    crc32c: Option<&'o str>,
    checksum_type: Option<&'o ChecksumType>,
    attributes: Attributes,
}

macro_rules! facts {
    ($name:ident, $output:ty) => {
        fn $name(output: &'o $output) -> Self {
            let text = |value: Option<&str>| value.map(str::to_owned);
            Self {
                size: output.content_length(),
                e_tag: output.e_tag(),
                last_modified: output.last_modified(),
                crc32c: output.checksum_crc32_c(),
                checksum_type: output.checksum_type(),
                attributes: Attributes {
                    content_type: text(output.content_type()),
                    content_encoding: text(output.content_encoding()),
                    cache_control: text(output.cache_control()),
                    content_disposition: text(output.content_disposition()),
                    metadata: output.metadata().map(sorted).unwrap_or_default(),
                    storage_class: output.storage_class().map(|class| class.as_str().to_owned()),
                    kms_key_id: text(output.ssekms_key_id()),
                    tags: BTreeMap::new(),
                },
            }
        }
    };
}

impl<'o> Facts<'o> {
    facts!(of_head, HeadObjectOutput);
    facts!(of_get, GetObjectOutput);
}

fn sorted(pairs: &HashMap<String, String>) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// `If-Match` and `If-None-Match`.
pub(super) fn headers(condition: &Condition) -> (Option<String>, Option<String>) {
    match condition {
        Condition::None => (None, None),
        Condition::Absent => (None, Some("*".to_owned())),
        Condition::Unchanged(version) => (Some(version.as_str().to_owned()), None),
    }
}

pub(super) fn metadata(attributes: &Attributes) -> Option<HashMap<String, String>> {
    let pairs = attributes.metadata.iter();
    (!attributes.metadata.is_empty())
        .then(|| pairs.map(|(name, value)| (name.clone(), value.clone())).collect())
}

pub(super) fn storage_class(attributes: &Attributes) -> Option<StorageClass> {
    attributes.storage_class.as_deref().map(StorageClass::from)
}

pub(super) fn encryption(attributes: &Attributes) -> Option<ServerSideEncryption> {
    attributes.kms_key_id.as_ref().map(|_| ServerSideEncryption::AwsKms)
}

/// As the parameters of a URL ("PutObject").
pub(super) fn tagging(attributes: &Attributes) -> Option<String> {
    let encode = |text| utf8_percent_encode(text, RESERVED);
    let tags = attributes.tags.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    (!attributes.tags.is_empty()).then(|| tags.collect::<Vec<_>>().join("&"))
}
