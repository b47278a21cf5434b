//! Objects in one piece, and reading.

use super::body::{self, Received};
use super::checksum::{self, Algorithm, say, stated};
use super::error;
use super::service::Buckets;
use super::store::{Conditions, Object, Stated};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use s3s::dto::*;
use s3s::{S3Request, S3Result, TrailingHeaders};
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

/// "Uploading objects": in a single operation.
pub(super) const MAX_BODY: u64 = 5 << 30;

/// What is stated of an object, of whichever input.
macro_rules! stated_beside {
    ($input:expr) => {
        $crate::s3::store::Stated {
            content_type: $input.content_type.clone(),
            content_encoding: $input.content_encoding.clone(),
            content_disposition: $input.content_disposition.clone(),
            content_language: $input.content_language.clone(),
            cache_control: $input.cache_control.clone(),
            metadata: $input.metadata.clone(),
            storage_class: $input.storage_class.as_ref().map(|class| class.as_str().to_owned()),
            kms_key_id: $input.ssekms_key_id.clone(),
            tagging: $input.tagging.clone(),
        }
    };
}

pub(super) use stated_beside;

/// What a GET and a HEAD say alike.
macro_rules! describe {
    ($output:expr, $object:expr) => {
        let stated = $object.stated.clone();
        $output.accept_ranges = Some("bytes".to_owned());
        $output.e_tag = Some($object.e_tag());
        $output.last_modified = Some($object.modified.into());
        $output.content_type = stated.content_type.or(Some("binary/octet-stream".to_owned()));
        $output.content_encoding = stated.content_encoding;
        $output.content_disposition = stated.content_disposition;
        $output.content_language = stated.content_language;
        $output.cache_control = stated.cache_control;
        $output.metadata = stated.metadata;
        $output.server_side_encryption = encryption(&$object.stated);
        $output.ssekms_key_id = stated.kms_key_id;
        // "HeadObject": this header for all storage classes but STANDARD.
        $output.storage_class =
            stated.storage_class.filter(|class| class != StorageClass::STANDARD).map(StorageClass::from);
    };
}

pub(super) async fn put(buckets: &Buckets, request: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
    let begun = buckets.store().begin();
    let S3Request { mut input, headers, trailing_headers, .. } = request;
    let asked = Asked::of(&stated!(input), input.content_md5.as_deref(), &headers)?;
    let algorithm = asked.algorithm.unwrap_or(Algorithm::Crc64Nvme);
    let received = body::receive(buckets.store().folder(), input.body.take(), &[algorithm], MAX_BODY).await?;
    asked.verify(&received, trailing_headers.as_ref())?;
    let conditions =
        Conditions { if_match: input.if_match, if_none_match: input.if_none_match, since: begun.since };
    let object = Object {
        size: received.size,
        tag: hex(&received.md5),
        sum: received.sum(algorithm),
        pieces: vec![received.piece],
        sum_type: ChecksumType::FULL_OBJECT,
        stated: stated_beside!(input),
        modified: SystemTime::now(),
    };
    let mut output = PutObjectOutput {
        e_tag: Some(object.e_tag()),
        checksum_type: Some(ChecksumType::from_static(object.sum_type)),
        server_side_encryption: encryption(&object.stated),
        ssekms_key_id: object.stated.kms_key_id.clone(),
        ..PutObjectOutput::default()
    };
    say!(output, Some(&object.sum));
    let mut contents = buckets.store().lock();
    let bucket = contents.bucket(&input.bucket);
    bucket.allow(&input.key, &conditions)?;
    bucket.objects.insert(input.key, Arc::new(object));
    Ok(output)
}

/// What the sender says of a body, against which it is verified.
pub(super) struct Asked {
    /// Stated before the body or behind it.
    pub algorithm: Option<Algorithm>,
    sum: Option<checksum::Sum>,
    md5: Option<[u8; 16]>,
}

impl Asked {
    pub(super) fn of(sums: &Checksum, md5: Option<&str>, headers: &HeaderMap) -> S3Result<Self> {
        let md5 = md5.map(|text| {
            let bytes = STANDARD.decode(text).ok();
            bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(error::invalid_md5)
        });
        let sum = checksum::one(sums)?;
        let algorithm = match &sum {
            Some(sum) => Some(sum.algorithm),
            None => checksum::in_trailer(headers)?,
        };
        Ok(Self { algorithm, sum, md5: md5.transpose()? })
    }

    pub(super) fn verify(self, received: &Received, trailer: Option<&TrailingHeaders>) -> S3Result<()> {
        if self.md5.is_some_and(|md5| md5 != received.md5) {
            return Err(error::wrong_md5());
        }
        let Some(algorithm) = self.algorithm else { return Ok(()) };
        let wanted = match self.sum {
            Some(sum) => Some(sum.value),
            None => trailer.and_then(TrailingHeaders::take).and_then(|headers| {
                let name = format!("x-amz-checksum-{}", algorithm.name().to_ascii_lowercase());
                Some(headers.get(name)?.to_str().ok()?.to_owned())
            }),
        };
        match wanted {
            Some(value) if value == received.sum(algorithm).value => Ok(()),
            Some(_) => Err(error::wrong_checksum(algorithm.name())),
            None => Err(error::invalid_checksum(algorithm.name())),
        }
    }
}

pub(super) fn get(buckets: &Buckets, request: S3Request<GetObjectInput>) -> S3Result<GetObjectOutput> {
    let input = &request.input;
    let object = find(buckets, &request, &input.bucket, &input.key)?;
    allow(&object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let range = range(&object, input.range)?;
    let mut output = GetObjectOutput {
        content_length: Some((range.end - range.start) as i64),
        content_range: content_range(&object, input.range, &range),
        body: Some(StreamingBlob::wrap(body::read(object.pieces.clone(), range))),
        tag_count: tags(&object.stated),
        ..GetObjectOutput::default()
    };
    describe!(output, object);
    if input.checksum_mode.is_some() && input.range.is_none() {
        output.checksum_type = Some(ChecksumType::from_static(object.sum_type));
        say!(output, Some(&object.sum));
    }
    Ok(output)
}

pub(super) fn head(buckets: &Buckets, request: S3Request<HeadObjectInput>) -> S3Result<HeadObjectOutput> {
    let input = &request.input;
    let object = find(buckets, &request, &input.bucket, &input.key)?;
    allow(&object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let range = range(&object, input.range)?;
    let mut output = HeadObjectOutput {
        content_length: Some((range.end - range.start) as i64),
        content_range: content_range(&object, input.range, &range),
        ..HeadObjectOutput::default()
    };
    describe!(output, object);
    if input.checksum_mode.is_some() && input.range.is_none() {
        output.checksum_type = Some(ChecksumType::from_static(object.sum_type));
        say!(output, Some(&object.sum));
    }
    Ok(output)
}

fn find<T>(buckets: &Buckets, request: &S3Request<T>, bucket: &str, key: &str) -> S3Result<Arc<Object>> {
    let found = buckets.store().lock().bucket(bucket).objects.get(key).cloned();
    found.ok_or_else(|| buckets.missing(request, bucket))
}

/// The conditions of a read.
fn allow(
    object: &Object,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    if if_match.is_some_and(|wanted| !object.is(wanted)) {
        return Err(error::precondition_failed());
    }
    if if_none_match.is_some_and(|held| object.is(held)) {
        return Err(error::not_modified());
    }
    Ok(())
}

fn range(object: &Object, asked: Option<s3s::dto::Range>) -> S3Result<Range<u64>> {
    match asked {
        None => Ok(0..object.size),
        Some(asked) => {
            let range = asked.check(object.size).ok().filter(|range| !range.is_empty());
            range.ok_or_else(error::invalid_range)
        }
    }
}

fn content_range(object: &Object, asked: Option<s3s::dto::Range>, range: &Range<u64>) -> Option<String> {
    asked.map(|_| format!("bytes {}-{}/{}", range.start, range.end - 1, object.size))
}

pub(super) fn encryption(stated: &Stated) -> Option<ServerSideEncryption> {
    let how = match stated.kms_key_id {
        Some(_) => ServerSideEncryption::AWS_KMS,
        None => ServerSideEncryption::AES256,
    };
    Some(ServerSideEncryption::from_static(how))
}

fn tags(stated: &Stated) -> Option<i32> {
    let count = stated.tagging.as_ref()?.split('&').filter(|tag| !tag.is_empty()).count();
    i32::try_from(count).ok().filter(|count| *count > 0)
}

/// "How to perform conditional deletes". That a missing object is 404 to a delete with a condition is
/// as S3's users report it.
pub(super) fn delete(buckets: &Buckets, input: &DeleteObjectInput) -> S3Result<()> {
    let mut contents = buckets.store().lock();
    if let Some(wanted) = &input.if_match {
        match contents.bucket(&input.bucket).objects.get(&input.key) {
            None => return Err(error::no_such_key()),
            Some(object) if !object.is(wanted) => return Err(error::precondition_failed()),
            Some(_) => {}
        }
    }
    contents.delete(&input.bucket, &input.key);
    Ok(())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
