//! Pages of names, and of uploads.
//!
//! Names are asked for in their encoded form, since XML 1.0 has no way to write some characters that
//! a name may hold. A server that ignores the wish says so, and its names are taken as they are.

use super::S3Bucket;
use super::errors;
use crate::digest::Digests;
use crate::key::Key;
use crate::list::{ListRequest, Page, PageToken};
use crate::object::ObjectMeta;
use crate::sink::{Entry, EntryPage, Pending, SinkListRequest, Upload, UploadId, UploadMarker, UploadPage};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, MultipartUpload};
use carnet_federation::{Hop, Result};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The most that "ListObjectsV2" gives in a page.
const MAX_PAGE: u32 = 1000;

/// What a page is asked for, by a sink or by a source.
#[derive(Default)]
struct Asked<'r> {
    prefix: &'r str,
    delimiter: Option<&'r str>,
    start_after: Option<String>,
    page_size: Option<u32>,
    token: Option<&'r PageToken>,
}

impl S3Bucket {
    pub(super) async fn entries(&self, request: &SinkListRequest) -> Result<EntryPage> {
        let asked = Asked {
            prefix: &request.prefix,
            delimiter: None,
            start_after: request.start_after.clone(),
            page_size: request.page_size,
            token: request.page_token.as_ref(),
        };
        let output = self.list_objects(asked).await?;
        let mut page = EntryPage { next: self.next(&output)?, ..EntryPage::default() };
        for object in output.contents() {
            match Key::parse(&self.name(output.encoding_type(), object.key())?) {
                Ok(key) => page.objects.push(self.entry(key, object)?),
                Err(_) => page.unaddressable.push(self.name(output.encoding_type(), object.key())?),
            }
        }
        Ok(page)
    }

    pub(super) async fn page(&self, request: &ListRequest) -> Result<Page> {
        let asked = Asked {
            prefix: &request.prefix,
            delimiter: request.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()),
            start_after: request.start_from.as_deref().and_then(before),
            page_size: request.page_size,
            token: request.page_token.as_ref(),
        };
        let output = self.list_objects(asked).await.map_err(|error| request.refused(error))?;
        let mut page = Page { next: self.next(&output)?, ..Page::default() };
        for folded in output.common_prefixes() {
            page.prefixes.push(self.name(output.encoding_type(), folded.prefix())?);
        }
        for object in output.contents() {
            let name = self.name(output.encoding_type(), object.key())?;
            if request.start_from.as_ref().is_some_and(|from| name < *from) {
                continue;
            }
            match Key::parse(&name) {
                Ok(key) => page.objects.push(meta(self.entry(key, object)?)),
                Err(_) => page.unaddressable.push(name),
            }
        }
        if let Some(from) = &request.start_from {
            page.prefixes.retain(|prefix| prefix.as_str() >= from.as_str() || from.starts_with(prefix));
        }
        Ok(page)
    }

    async fn list_objects(&self, asked: Asked<'_>) -> Result<ListObjectsV2Output> {
        let call = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .set_expected_bucket_owner(self.owner.clone())
            .encoding_type(EncodingType::Url)
            .set_prefix(Some(asked.prefix.to_owned()).filter(|prefix| !prefix.is_empty()))
            .set_delimiter(asked.delimiter.map(str::to_owned))
            .set_start_after(asked.start_after.filter(|_| asked.token.is_none()))
            .set_max_keys(asked.page_size.map(|size| size.clamp(1, MAX_PAGE) as i32))
            .set_continuation_token(asked.token.map(|token| token.as_str().to_owned()));
        call.send().await.map_err(|error| errors::from_sdk(Hop::List, &self.target, error))
    }

    fn next(&self, output: &ListObjectsV2Output) -> Result<Option<PageToken>> {
        match (output.is_truncated(), output.next_continuation_token()) {
            (Some(true), Some(token)) => Ok(Some(PageToken::new(token))),
            (Some(true), None) => Err(self.malformed(Hop::List, "a page that is not the last and no token")),
            _ => Ok(None),
        }
    }

    fn entry(&self, key: Key, object: &aws_sdk_s3::types::Object) -> Result<Entry> {
        let size = object.size().and_then(|size| u64::try_from(size).ok());
        Ok(Entry {
            key,
            size: size.ok_or_else(|| self.malformed(Hop::List, "an object without a size"))?,
            version: self.version(Hop::List, object.e_tag())?,
            last_modified: self.date(Hop::List, object.last_modified())?,
        })
    }

    pub(super) async fn uploads(&self, prefix: &str, after: Option<&UploadMarker>) -> Result<UploadPage> {
        let call = self
            .client
            .list_multipart_uploads()
            .bucket(&self.bucket)
            .set_expected_bucket_owner(self.owner.clone())
            .encoding_type(EncodingType::Url)
            .set_prefix(Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()))
            .set_key_marker(after.map(|marker| marker.key.clone()))
            .set_upload_id_marker(after.map(|marker| marker.id.clone()));
        let output = call.send().await.map_err(|error| errors::from_sdk(Hop::List, &self.target, error))?;
        let encoding = output.encoding_type();
        let mut page = UploadPage::default();
        for upload in output.uploads() {
            // One whose name we cannot say is none of ours.
            if let Ok(key) = Key::parse(&self.name(encoding, upload.key())?) {
                page.uploads.push(self.pending(key, upload)?);
            }
        }
        if output.is_truncated() == Some(true) {
            let id = output.next_upload_id_marker().unwrap_or_default().to_owned();
            let marker = UploadMarker { key: self.name(encoding, output.next_key_marker())?, id };
            if after == Some(&marker) {
                return Err(self.malformed(Hop::List, "a page of uploads that leads to itself"));
            }
            page.next = Some(marker);
        }
        Ok(page)
    }

    fn pending(&self, key: Key, upload: &MultipartUpload) -> Result<Pending> {
        let id = upload.upload_id().ok_or_else(|| self.malformed(Hop::List, "an upload without an id"))?;
        let initiated = self.date(Hop::List, upload.initiated())?;
        Ok(Pending { upload: Upload { key, id: UploadId::new(id) }, initiated })
    }

    fn name(&self, encoding: Option<&EncodingType>, name: Option<&str>) -> Result<String> {
        let name = name.ok_or_else(|| self.malformed(Hop::List, "an object without a name"))?;
        if encoding != Some(&EncodingType::Url) {
            return Ok(name.to_owned());
        }
        // A space may come as a plus; a plus comes as `%2B`.
        let spaced = name.replace('+', " ");
        percent_decode_str(&spaced)
            .decode_utf8()
            .map(Cow::into_owned)
            .map_err(|_| self.malformed(Hop::List, "a name that is not encoded as it says"))
    }
}

fn meta(entry: Entry) -> ObjectMeta {
    ObjectMeta {
        key: entry.key,
        size: entry.size,
        version: entry.version,
        last_modified: entry.last_modified,
        content_type: None,
        content_encoding: None,
        cache_control: None,
        content_disposition: None,
        metadata: BTreeMap::new(),
        digests: Digests::NONE,
    }
}

/// A name that sorts just before `name`, as near as can be said: S3 begins after a name, and the
/// listing is asked to begin with one. What may lie between the two is left out afterwards.
fn before(name: &str) -> Option<String> {
    let mut near = name.to_owned();
    let last = near.pop()?;
    // The code point before it; some have none, or one that is no character.
    if let Some(previous) = (last as u32).checked_sub(1).and_then(char::from_u32)
        && near.len() + previous.len_utf8() + char::MAX.len_utf8() <= crate::key::MAX_BYTES
    {
        near.push(previous);
        near.push(char::MAX);
    }
    (!near.is_empty()).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_begins_just_before_the_name() {
        for name in ["ab", "a", "ü", "a\u{e000}", "\u{0}", "a/", &"l".repeat(crate::key::MAX_BYTES)] {
            let before = before(name).unwrap_or_default();
            assert!(
                before.as_str() < name && before.len() <= crate::key::MAX_BYTES,
                "{before:?} before {name:?}"
            );
        }
        assert_eq!(before("ab").as_deref(), Some("aa\u{10ffff}"));
    }
}
