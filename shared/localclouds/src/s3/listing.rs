//! Pages of names and of uploads.

use super::error;
use super::service::Buckets;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::S3Result;
use s3s::dto::*;
use std::ops::Bound;

/// The most that a page holds.
const MAX_PAGE: i32 = 1000;

/// What stays as it is in a name with `encoding-type=url`; a space becomes a plus.
const RESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

fn encoded(text: &str, encoding: Option<&EncodingType>) -> String {
    match encoding.map(EncodingType::as_str) {
        Some(EncodingType::URL) => utf8_percent_encode(text, RESERVED).to_string().replace(' ', "+"),
        _ => text.to_owned(),
    }
}

pub(super) fn objects(buckets: &Buckets, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
    let size = input.max_keys.unwrap_or(MAX_PAGE).clamp(0, MAX_PAGE);
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let token = input.continuation_token.as_deref().map(name_of).transpose()?;
    let after = token.as_deref().or(input.start_after.as_deref()).unwrap_or_default();
    let encode = |text: &str| encoded(text, input.encoding_type.as_ref());

    let mut page = Page::default();
    let mut contents = buckets.store().lock();
    let bucket = contents.bucket(&input.bucket);
    let mut from = match after < prefix {
        true => Bound::Included(prefix.to_owned()),
        false => Bound::Excluded(after.to_owned()),
    };
    while let Some((name, object)) = bucket.objects.range::<String, _>((from, Bound::Unbounded)).next() {
        if !name.starts_with(prefix) {
            break;
        }
        let folded = delimiter.and_then(|delimiter| {
            let end = prefix.len() + name[prefix.len()..].find(delimiter)? + delimiter.len();
            Some(&name[..end])
        });
        // A page that ended with a prefix is followed by what is not in it.
        if folded.is_some() && folded == token.as_deref() {
            from = Bound::Excluded(name.clone());
            continue;
        }
        if page.prefixes.last().map(String::as_str) != folded || folded.is_none() {
            if page.len() == size as usize {
                page.more = true;
                break;
            }
            match folded {
                Some(folded) => page.prefixes.push(folded.to_owned()),
                None => page.objects.push(Object {
                    key: Some(encode(name)),
                    size: Some(object.size as i64),
                    e_tag: Some(object.e_tag()),
                    last_modified: Some(object.modified.into()),
                    checksum_algorithm: Some(vec![ChecksumAlgorithm::from_static(
                        object.sum.algorithm.name(),
                    )]),
                    checksum_type: Some(ChecksumType::from_static(object.sum_type)),
                    storage_class: Some(ObjectStorageClass::from(
                        object.stated.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned()),
                    )),
                    ..Object::default()
                }),
            }
            page.last = folded.unwrap_or(name).to_owned();
        }
        from = Bound::Excluded(name.clone());
    }
    let more = page.more && size > 0;
    let prefixes = page.prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(encode(prefix)) });
    Ok(ListObjectsV2Output {
        key_count: Some(page.len() as i32),
        common_prefixes: Some(prefixes.collect()),
        contents: Some(page.objects),
        is_truncated: Some(more),
        next_continuation_token: more.then(|| STANDARD.encode(&page.last)),
        name: Some(input.bucket),
        prefix: Some(encode(prefix)),
        delimiter: delimiter.map(encode),
        max_keys: Some(size),
        start_after: input.start_after.as_deref().map(encode),
        continuation_token: input.continuation_token.clone(),
        encoding_type: input.encoding_type.clone(),
        ..ListObjectsV2Output::default()
    })
}

#[derive(Default)]
struct Page {
    objects: Vec<Object>,
    prefixes: Vec<String>,
    last: String,
    more: bool,
}

impl Page {
    fn len(&self) -> usize {
        self.objects.len() + self.prefixes.len()
    }
}

fn name_of(token: &str) -> S3Result<String> {
    let bytes = STANDARD.decode(token).map_err(|_| error::invalid_token())?;
    String::from_utf8(bytes).map_err(|_| error::invalid_token())
}

pub(super) fn uploads(buckets: &Buckets, input: ListMultipartUploadsInput) -> ListMultipartUploadsOutput {
    let size = input.max_uploads.unwrap_or(MAX_PAGE).clamp(0, MAX_PAGE);
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let encode = |text: &str| encoded(text, input.encoding_type.as_ref());
    let from = match (&input.key_marker, &input.upload_id_marker) {
        (Some(key), Some(id)) if !key.is_empty() => Bound::Excluded((key.clone(), id.clone())),
        // Without an upload's id: those of the keys behind this one.
        (Some(key), _) if !key.is_empty() => Bound::Excluded((format!("{key}\0"), String::new())),
        _ => Bound::Included((prefix.to_owned(), String::new())),
    };
    let mut contents = buckets.store().lock();
    let bucket = contents.bucket(&input.bucket);
    let mut rest = bucket
        .uploads
        .range((from, Bound::Unbounded))
        .skip_while(|((key, _), _)| key.as_str() < prefix)
        .take_while(|((key, _), _)| key.starts_with(prefix));
    let (mut uploads, mut last) = (Vec::new(), None);
    for ((key, id), upload) in rest.by_ref().take(size as usize) {
        uploads.push(MultipartUpload {
            key: Some(encode(key)),
            upload_id: Some(id.clone()),
            initiated: Some(upload.initiated.into()),
            checksum_algorithm: Some(ChecksumAlgorithm::from_static(upload.algorithm.name())),
            checksum_type: Some(ChecksumType::from_static(upload.sum_type)),
            ..MultipartUpload::default()
        });
        last = Some((encode(key), id.clone()));
    }
    let next = last.filter(|_| rest.next().is_some());
    ListMultipartUploadsOutput {
        uploads: Some(uploads),
        is_truncated: Some(next.is_some()),
        next_key_marker: next.as_ref().map(|(key, _)| key.clone()),
        next_upload_id_marker: next.map(|(_, id)| id),
        bucket: Some(input.bucket.clone()),
        prefix: Some(encode(prefix)),
        key_marker: input.key_marker.as_deref().map(encode),
        upload_id_marker: input.upload_id_marker.clone(),
        max_uploads: Some(size),
        encoding_type: input.encoding_type.clone(),
        ..ListMultipartUploadsOutput::default()
    }
}
