//! Memory as a destination.

use super::{Contents, Memory, Stored, entity_tag, error};
use crate::digest::{Digests, md5};
use crate::key::Key;
use crate::list::PageToken;
use crate::object::Version;
use crate::sink::{
    Attributes, CompleteRequest, Condition, Crc32c, Deletion, Entry, EntryPage, Got, MAX_PARTS, ObjectSink,
    Part, PartPage, Pending, PutRequest, SinkListRequest, SinkObject, Upload, UploadId, UploadMarker,
    UploadPage, WriteOutcome, Written,
};
use crate::source::ByteStream;
use bytes::{Bytes, BytesMut};
use carnet_federation::{BoxFuture, Error, Hop, Kind, Result};
use futures_util::StreamExt as _;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::SystemTime;

/// A page's size at most, of any listing here; as S3 has it.
const MAX_PAGE: usize = 1000;

/// An upload that is not over.
pub(super) struct Parts {
    attributes: Attributes,
    initiated: SystemTime,
    by_number: BTreeMap<u32, (Part, Bytes)>,
}

fn refused(kind: Kind, message: &str) -> Error {
    error(Hop::Write, kind, message)
}

/// As it was sent, if it arrived so.
fn verify(body: &[u8], stated: Crc32c) -> Result<()> {
    match Crc32c::of(body) == stated {
        true => Ok(()),
        false => Err(refused(Kind::Unavailable, "the bytes that came are not those of the checksum")),
    }
}

fn upload_is_over() -> Error {
    refused(Kind::NotFound, "no such upload")
}

fn id_of(upload: &Upload) -> (String, String) {
    (upload.key.as_str().to_owned(), upload.id.as_str().to_owned())
}

impl Contents {
    /// What a write is answered if its condition does not hold.
    fn objection(&self, key: &Key, condition: &Condition) -> Option<WriteOutcome> {
        let present = self.objects.get(key.as_str()).map(|stored| &stored.meta.version);
        match (condition, present) {
            (Condition::None, _) | (Condition::Absent, None) => None,
            (Condition::Absent, Some(_)) => Some(WriteOutcome::Unmet),
            (Condition::Unchanged(_), None) => Some(WriteOutcome::Gone),
            (Condition::Unchanged(wanted), Some(version)) => {
                (wanted != version).then_some(WriteOutcome::Unmet)
            }
        }
    }

    fn written(&mut self, key: &Key, body: Bytes, crc32c: Crc32c, attributes: Attributes) -> WriteOutcome {
        let digests = Digests { crc32c: Some(crc32c.as_u32()), ..md5(&body) };
        let version = self.insert(key, body, digests, attributes);
        WriteOutcome::Written(Written { version, version_id: None, crc32c: Some(crc32c), request_id: None })
    }
}

impl Stored {
    fn object(&self) -> SinkObject {
        SinkObject {
            key: self.meta.key.clone(),
            size: self.meta.size,
            version: self.meta.version.clone(),
            last_modified: self.meta.last_modified,
            crc32c: self.meta.digests.crc32c.map(Crc32c::from_u32),
            attributes: Attributes { tags: BTreeMap::new(), ..self.attributes.clone() },
        }
    }
}

impl Memory {
    fn stored(&self, key: &Key) -> Option<Stored> {
        self.read().objects.get(key.as_str()).cloned()
    }

    fn put_one(&self, key: &Key, body: Bytes, request: &PutRequest) -> Result<WriteOutcome> {
        verify(&body, request.crc32c)?;
        let mut contents = self.write();
        if let Some(objection) = contents.objection(key, &request.condition) {
            return Ok(objection);
        }
        Ok(contents.written(key, body, request.crc32c, request.attributes.clone()))
    }

    fn begin(&self, key: &Key, attributes: &Attributes) -> Upload {
        let mut contents = self.write();
        contents.writes += 1;
        let upload =
            Upload { key: key.clone(), id: UploadId::new(format!("upload-{:016}", contents.writes)) };
        let parts = Parts {
            attributes: attributes.clone(),
            initiated: SystemTime::now(),
            by_number: BTreeMap::new(),
        };
        contents.uploads.insert(id_of(&upload), parts);
        upload
    }

    fn put_one_part(&self, upload: &Upload, number: u32, body: Bytes) -> Result<Part> {
        if !(1..=MAX_PARTS).contains(&number) {
            return Err(refused(Kind::Malformed, "parts are numbered from 1 to 10,000"));
        }
        let crc32c = Crc32c::of(&body);
        let mut contents = self.write();
        contents.writes += 1;
        let tag = entity_tag(contents.writes);
        let parts = contents.uploads.get_mut(&id_of(upload)).ok_or_else(upload_is_over)?;
        let part = Part { number, size: body.len() as u64, tag, crc32c: Some(crc32c) };
        parts.by_number.insert(number, (part.clone(), body));
        Ok(part)
    }

    fn parts_after(&self, upload: &Upload, after: Option<u32>) -> Result<PartPage> {
        let contents = self.read();
        let parts = contents.uploads.get(&id_of(upload)).ok_or_else(upload_is_over)?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = parts.by_number.range((from, Bound::Unbounded)).map(|(_, (part, _))| part.clone());
        let page: Vec<Part> = rest.by_ref().take(MAX_PAGE).collect();
        let next = rest.next().and_then(|_| page.last()).map(|part| part.number);
        Ok(PartPage { parts: page, next })
    }

    fn complete_one(
        &self,
        upload: &Upload,
        stated: &[Part],
        request: &CompleteRequest,
    ) -> Result<WriteOutcome> {
        let mut contents = self.write();
        let parts = contents.uploads.get(&id_of(upload)).ok_or_else(upload_is_over)?;
        let body = parts.assemble(stated, self.min_part)?;
        if body.len() as u64 != request.size || Crc32c::of(&body) != request.crc32c {
            return Err(refused(Kind::Malformed, "the parts are not the object that was stated"));
        }
        if let Some(objection) = contents.objection(&upload.key, &request.condition) {
            return Ok(objection);
        }
        let attributes = parts_of(&mut contents, upload)?.attributes;
        Ok(contents.written(&upload.key, body, request.crc32c, attributes))
    }

    fn uploads_after(&self, prefix: &str, after: Option<&UploadMarker>) -> UploadPage {
        let contents = self.read();
        let from = match after {
            Some(marker) => Bound::Excluded((marker.key.clone(), marker.id.clone())),
            None => Bound::Included((prefix.to_owned(), String::new())),
        };
        let mut rest = contents
            .uploads
            .range((from, Bound::Unbounded))
            .skip_while(|((key, _), _)| key.as_str() < prefix)
            .take_while(|((key, _), _)| key.starts_with(prefix));
        let mut page = UploadPage::default();
        let mut last = None;
        for ((key, id), parts) in rest.by_ref().take(MAX_PAGE) {
            last = Some(UploadMarker { key: key.clone(), id: id.clone() });
            // A key came in as one.
            if let Ok(key) = Key::parse(key) {
                let upload = Upload { key, id: UploadId::new(id.as_str()) };
                page.uploads.push(Pending { upload, initiated: parts.initiated });
            }
        }
        page.next = rest.next().and(last);
        page
    }

    fn delete_one(&self, key: &Key, if_match: Option<&Version>) -> Deletion {
        let mut contents = self.write();
        match (contents.objects.get(key.as_str()), if_match) {
            (None, Some(_)) => return Deletion::Gone,
            (Some(stored), Some(wanted)) if stored.meta.version != *wanted => return Deletion::Changed,
            _ => {}
        }
        contents.objects.remove(key.as_str());
        Deletion::Deleted
    }

    fn entries(&self, request: &SinkListRequest) -> EntryPage {
        let size = request.page_size.map_or(MAX_PAGE, |size| (size as usize).clamp(1, MAX_PAGE));
        let after = request.page_token.as_ref().map(PageToken::as_str).or(request.start_after.as_deref());
        let after = after.filter(|after| *after >= request.prefix.as_str());
        let from = match after {
            Some(name) => Bound::Excluded(name.to_owned()),
            None => Bound::Included(request.prefix.clone()),
        };
        let contents = self.read();
        let mut rest = contents
            .objects
            .range((from, Bound::Unbounded))
            .map(|(_, stored)| &stored.meta)
            .take_while(|meta| meta.key.as_str().starts_with(&request.prefix));
        let objects: Vec<Entry> = rest
            .by_ref()
            .take(size)
            .map(|meta| Entry {
                key: meta.key.clone(),
                size: meta.size,
                version: meta.version.clone(),
                last_modified: meta.last_modified,
            })
            .collect();
        let next = rest.next().and_then(|_| objects.last()).map(|last| PageToken::new(last.key.as_str()));
        EntryPage { objects, unaddressable: Vec::new(), next }
    }
}

fn parts_of(contents: &mut Contents, upload: &Upload) -> Result<Parts> {
    contents.uploads.remove(&id_of(upload)).ok_or_else(upload_is_over)
}

impl Parts {
    fn assemble(&self, stated: &[Part], min_part: u64) -> Result<Bytes> {
        let mut whole = BytesMut::new();
        for (position, stated) in stated.iter().enumerate() {
            if stated.number as usize != position + 1 {
                return Err(refused(Kind::Malformed, "the parts are not numbered from 1 on without a gap"));
            }
            let (_, body) = self
                .by_number
                .get(&stated.number)
                .filter(|(part, _)| part.tag == stated.tag)
                .ok_or_else(|| refused(Kind::Malformed, "a part that was stated has not arrived so"))?;
            whole.extend_from_slice(body);
        }
        let too_small = stated.iter().rev().skip(1).any(|part| part.size < min_part);
        match (stated.is_empty(), too_small) {
            (true, _) => {
                Err(refused(Kind::Malformed, "an upload is completed from its parts, and none was stated"))
            }
            (_, true) => Err(refused(Kind::Malformed, "a part that is not the last is too small")),
            (false, false) => Ok(whole.freeze()),
        }
    }
}

impl ObjectSink for Memory {
    fn target(&self) -> &str {
        "memory"
    }

    fn head<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<SinkObject>>> {
        Box::pin(async move { Ok(self.stored(key).map(|stored| stored.object())) })
    }

    fn get<'a>(
        &'a self,
        key: &'a Key,
        if_none_match: Option<&'a Version>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Got>> {
        Box::pin(async move {
            let Some(stored) = self.stored(key) else { return Ok(Got::Missing) };
            if if_none_match == Some(&stored.meta.version) {
                return Ok(Got::NotModified);
            }
            if stored.body.len() > limit {
                return Err(error(Hop::Read, Kind::OutOfRange, "the object is longer than the limit"));
            }
            Ok(Got::Object { object: Box::new(stored.object()), body: stored.body })
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a Key,
        body: Bytes,
        request: &'a PutRequest,
    ) -> BoxFuture<'a, Result<WriteOutcome>> {
        Box::pin(async move { self.put_one(key, body, request) })
    }

    fn begin_upload<'a>(&'a self, key: &'a Key, attributes: &'a Attributes) -> BoxFuture<'a, Result<Upload>> {
        Box::pin(async move { Ok(self.begin(key, attributes)) })
    }

    fn put_part<'a>(
        &'a self,
        upload: &'a Upload,
        number: u32,
        size: u64,
        mut body: ByteStream,
    ) -> BoxFuture<'a, Result<Part>> {
        Box::pin(async move {
            let mut bytes = BytesMut::new();
            while let Some(chunk) = body.next().await {
                bytes.extend_from_slice(&chunk?);
            }
            if bytes.len() as u64 != size {
                return Err(refused(Kind::Unavailable, "the part is not as long as stated"));
            }
            self.put_one_part(upload, number, bytes.freeze())
        })
    }

    fn list_parts<'a>(&'a self, upload: &'a Upload, after: Option<u32>) -> BoxFuture<'a, Result<PartPage>> {
        Box::pin(async move { self.parts_after(upload, after) })
    }

    fn complete<'a>(
        &'a self,
        upload: &'a Upload,
        parts: &'a [Part],
        request: &'a CompleteRequest,
    ) -> BoxFuture<'a, Result<WriteOutcome>> {
        Box::pin(async move { self.complete_one(upload, parts, request) })
    }

    fn abort<'a>(&'a self, upload: &'a Upload) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.write().uploads.remove(&id_of(upload));
            Ok(())
        })
    }

    fn list_uploads<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a UploadMarker>,
    ) -> BoxFuture<'a, Result<UploadPage>> {
        Box::pin(async move { Ok(self.uploads_after(prefix, after)) })
    }

    fn delete<'a>(&'a self, key: &'a Key, if_match: Option<&'a Version>) -> BoxFuture<'a, Result<Deletion>> {
        Box::pin(async move { Ok(self.delete_one(key, if_match)) })
    }

    fn list<'a>(&'a self, request: &'a SinkListRequest) -> BoxFuture<'a, Result<EntryPage>> {
        Box::pin(async move { Ok(self.entries(request)) })
    }
}
