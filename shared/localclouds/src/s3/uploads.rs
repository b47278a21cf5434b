//! Uploads in parts.

use super::body;
use super::checksum::{self, Algorithm, Sum, say, stated};
use super::error;
use super::objects::{Asked, MAX_BODY, encryption, hex, stated_beside};
use super::service::Buckets;
use super::store::{Conditions, Object, Part, Upload};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use md5::{Digest as _, Md5};
use s3s::dto::*;
use s3s::{S3Request, S3Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

/// "Amazon S3 multipart upload limits".
const PART_NUMBERS: std::ops::RangeInclusive<i32> = 1..=10_000;
const MIN_PART: u64 = 5 << 20;
const MAX_PAGE: i32 = 1000;

pub(super) fn create(
    buckets: &Buckets,
    input: CreateMultipartUploadInput,
) -> S3Result<CreateMultipartUploadOutput> {
    let named = input.checksum_algorithm.as_ref().map(|name| Algorithm::named(name.as_str())).transpose()?;
    // "Checking object integrity": what an object gets for which nobody chose.
    let algorithm = named.unwrap_or(Algorithm::Crc64Nvme);
    let sum_type = algorithm.kind(input.checksum_type.as_ref().map(ChecksumType::as_str))?;
    let id =
        URL_SAFE_NO_PAD.encode([*uuid::Uuid::new_v4().as_bytes(), *uuid::Uuid::new_v4().as_bytes()].concat());
    let upload = Upload {
        algorithm,
        sum_type,
        named: named.is_some(),
        stated: stated_beside!(input),
        initiated: SystemTime::now(),
        parts: BTreeMap::new(),
    };
    let output = CreateMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        upload_id: Some(id.clone()),
        checksum_algorithm: Some(ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: Some(ChecksumType::from_static(sum_type)),
        server_side_encryption: encryption(&upload.stated),
        ssekms_key_id: upload.stated.kms_key_id.clone(),
        ..CreateMultipartUploadOutput::default()
    };
    buckets.store().lock().bucket(&input.bucket).uploads.insert((input.key, id), upload);
    Ok(output)
}

pub(super) async fn part(
    buckets: &Buckets,
    request: S3Request<UploadPartInput>,
) -> S3Result<UploadPartOutput> {
    let S3Request { mut input, headers, trailing_headers, .. } = request;
    if !PART_NUMBERS.contains(&input.part_number) {
        return Err(error::invalid_part_number());
    }
    let id = (input.key.clone(), input.upload_id.clone());
    let (algorithm, named) = {
        let mut contents = buckets.store().lock();
        let upload = contents.bucket(&input.bucket).uploads.get(&id).ok_or_else(error::no_such_upload)?;
        (upload.algorithm, upload.named)
    };
    let asked = Asked::of(&stated!(input), input.content_md5.as_deref(), &headers)?;
    let mut algorithms = vec![algorithm];
    match asked.algorithm {
        Some(other) if other != algorithm && named => {
            return Err(error::other_checksum(algorithm.name(), other.name()));
        }
        // Verified as its sender has it; the object's own is another's.
        Some(other) if other != algorithm => algorithms.push(other),
        _ => {}
    }
    let received = body::receive(buckets.store().folder(), input.body.take(), &algorithms, MAX_BODY).await?;
    asked.verify(&received, trailing_headers.as_ref())?;
    let part = Part {
        size: received.size,
        md5: received.md5,
        sum: received.sum(algorithm),
        piece: received.piece,
        modified: SystemTime::now(),
    };
    let mut output = UploadPartOutput { e_tag: Some(tag(&part)), ..UploadPartOutput::default() };
    say!(output, Some(&part.sum));
    // It may be over by now.
    let mut contents = buckets.store().lock();
    let upload = contents.bucket(&input.bucket).uploads.get_mut(&id).ok_or_else(error::no_such_upload)?;
    upload.parts.insert(input.part_number, part);
    Ok(output)
}

fn tag(part: &Part) -> ETag {
    ETag::Strong(hex(&part.md5))
}

pub(super) fn list(buckets: &Buckets, input: ListPartsInput) -> S3Result<ListPartsOutput> {
    let size = input.max_parts.unwrap_or(MAX_PAGE).clamp(0, MAX_PAGE);
    let after = input.part_number_marker.unwrap_or(0);
    let mut contents = buckets.store().lock();
    let id = (input.key.clone(), input.upload_id.clone());
    let upload = contents.bucket(&input.bucket).uploads.get(&id).ok_or_else(error::no_such_upload)?;
    let mut rest = upload.parts.range(after.saturating_add(1)..);
    let parts: Vec<s3s::dto::Part> = rest
        .by_ref()
        .take(size as usize)
        .map(|(number, part)| {
            let mut output = s3s::dto::Part {
                part_number: Some(*number),
                size: Some(part.size as i64),
                e_tag: Some(tag(part)),
                last_modified: Some(part.modified.into()),
                ..s3s::dto::Part::default()
            };
            say!(output, Some(&part.sum));
            output
        })
        .collect();
    let truncated = rest.next().is_some();
    Ok(ListPartsOutput {
        is_truncated: Some(truncated),
        next_part_number_marker: parts.last().filter(|_| truncated).and_then(|part| part.part_number),
        parts: Some(parts),
        max_parts: Some(size),
        part_number_marker: Some(after),
        checksum_algorithm: Some(ChecksumAlgorithm::from_static(upload.algorithm.name())),
        checksum_type: Some(ChecksumType::from_static(upload.sum_type)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        ..ListPartsOutput::default()
    })
}

/// All of it happens in one instant: nobody sees an object whose parts are still being looked at.
pub(super) fn complete(
    buckets: &Buckets,
    input: CompleteMultipartUploadInput,
) -> S3Result<CompleteMultipartUploadOutput> {
    let mut contents = buckets.store().lock();
    let bucket = contents.bucket(&input.bucket);
    let id = (input.key.clone(), input.upload_id.clone());
    let upload = bucket.uploads.get(&id).ok_or_else(error::no_such_upload)?;
    let parts = chosen(upload, input.multipart_upload.as_ref())?;
    let size = parts.iter().map(|part| part.size).sum();
    let sum = verify(upload, &parts, size, &input)?;
    let conditions = Conditions {
        if_match: input.if_match.clone(),
        if_none_match: input.if_none_match.clone(),
        since: u64::MAX,
    };
    bucket.allow(&input.key, &conditions)?;
    let mut md5 = Md5::new();
    parts.iter().for_each(|part| md5.update(part.md5));
    let object = Object {
        size,
        tag: format!("{}-{}", hex(&md5.finalize()), parts.len()),
        sum,
        sum_type: upload.sum_type,
        stated: upload.stated.clone(),
        modified: SystemTime::now(),
        pieces: parts.into_iter().map(|part| part.piece).collect(),
    };
    let mut output = CompleteMultipartUploadOutput {
        e_tag: Some(object.e_tag()),
        checksum_type: Some(ChecksumType::from_static(object.sum_type)),
        server_side_encryption: encryption(&object.stated),
        ssekms_key_id: object.stated.kms_key_id.clone(),
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        ..CompleteMultipartUploadOutput::default()
    };
    say!(output, Some(&object.sum));
    bucket.uploads.remove(&id);
    bucket.objects.insert(input.key, Arc::new(object));
    Ok(output)
}

/// The parts that are stated, if they have arrived so.
fn chosen(upload: &Upload, stated: Option<&CompletedMultipartUpload>) -> S3Result<Vec<Part>> {
    let stated = stated.and_then(|stated| stated.parts.as_deref()).unwrap_or_default();
    if stated.is_empty() {
        return Err(error::malformed_xml());
    }
    let numbers: Vec<i32> = stated.iter().map(|part| part.part_number.unwrap_or(0)).collect();
    let ascending = numbers.windows(2).all(|pair| pair[0] < pair[1]);
    // "CompletedPart": with checksums the numbers begin with 1 and have no gap.
    let gapless = numbers.iter().zip(1..).all(|(number, expected)| *number == expected);
    if !ascending || upload.named && !gapless {
        return Err(error::invalid_part_order());
    }
    let mut parts = Vec::with_capacity(stated.len());
    for (stated, number) in stated.iter().zip(numbers) {
        let part = upload.parts.get(&number).ok_or_else(error::invalid_part)?;
        if stated.e_tag.as_ref().and_then(ETag::as_strong) != Some(hex(&part.md5).as_str()) {
            return Err(error::invalid_part());
        }
        match checksum::one(&stated!(stated))? {
            Some(sum) if sum.algorithm == part.sum.algorithm && sum != part.sum => {
                return Err(error::invalid_part());
            }
            None if upload.named && upload.sum_type == ChecksumType::COMPOSITE => {
                return Err(error::missing_part_checksum(upload.algorithm.name(), number));
            }
            _ => parts.push(part.clone()),
        }
    }
    let not_last = parts.iter().rev().skip(1);
    if not_last.into_iter().any(|part| part.size < MIN_PART) {
        return Err(error::too_small());
    }
    Ok(parts)
}

/// The object's checksum, if it is what was stated.
fn verify(upload: &Upload, parts: &[Part], size: u64, input: &CompleteMultipartUploadInput) -> S3Result<Sum> {
    let (algorithm, sums) = (upload.algorithm, parts.iter().map(|part| (&part.sum, part.size)));
    let sums: Vec<(&Sum, u64)> = sums.collect();
    let sum = match upload.sum_type {
        ChecksumType::FULL_OBJECT => checksum::full_object(algorithm, &sums),
        _ => Some(checksum::composite(algorithm, &sums)),
    };
    // Only an algorithm that combines may be of the full object.
    let sum = sum.ok_or_else(error::other_checksum_type)?;
    if input.checksum_type.as_ref().is_some_and(|kind| kind.as_str() != upload.sum_type) {
        return Err(error::other_checksum_type());
    }
    let whole = match upload.sum_type {
        ChecksumType::FULL_OBJECT => checksum::one(&stated!(input))?,
        _ => None,
    };
    match whole {
        Some(stated) if stated.algorithm != algorithm => {
            return Err(error::other_checksum(algorithm.name(), stated.algorithm.name()));
        }
        Some(stated) if stated != sum => return Err(error::wrong_checksum(algorithm.name())),
        _ => {}
    }
    match input.mpu_object_size {
        Some(stated) if u64::try_from(stated) != Ok(size) => Err(error::wrong_size()),
        _ => Ok(sum),
    }
}

pub(super) fn abort(buckets: &Buckets, input: &AbortMultipartUploadInput) -> S3Result<()> {
    let id = (input.key.clone(), input.upload_id.clone());
    let removed = buckets.store().lock().bucket(&input.bucket).uploads.remove(&id);
    removed.map(drop).ok_or_else(error::no_such_upload)
}
