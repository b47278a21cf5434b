//! The bucket, read: for those who compare what was written.

use super::S3Bucket;
use super::errors;
use super::objects::with_checksum;
use crate::digest::Digests;
use crate::key::Key;
use crate::object::{Conditions, Match, ObjectMeta};
use crate::range::ByteRange;
use crate::sink::SinkObject;
use crate::source::{Opened, ReadRequest};
use carnet_federation::{Error, Hop, Kind, Result, hints};
use futures_util::stream;
use std::ops::Range;

impl S3Bucket {
    pub(super) async fn meta(&self, key: &Key, conditions: &Conditions) -> Result<ObjectMeta> {
        let object = self.head_object(key).await?;
        let object =
            object.ok_or_else(|| Error::new(Hop::Read, Kind::NotFound, &self.target, "no such object"))?;
        if conditions.if_match.as_ref().is_some_and(|wanted| !wanted.holds(&object.version)) {
            return Err(self.changed());
        }
        if conditions.if_none_match.as_ref().is_some_and(|held| held.holds(&object.version)) {
            let message = "the object is the version at hand";
            return Err(Error::new(Hop::Read, Kind::NotModified, &self.target, message));
        }
        Ok(meta(object))
    }

    pub(super) async fn download(&self, key: &Key, request: &ReadRequest) -> Result<Opened> {
        let conditions = &request.conditions;
        let if_match = match (&request.version, &conditions.if_match) {
            (Some(pinned), Some(wanted)) if !wanted.holds(pinned) => return Err(self.changed()),
            (Some(pinned), _) => Some(pinned.as_str()),
            (None, wanted) => wanted.as_ref().map(Match::as_str),
        };
        // All of it is asked for as all of it: S3 tells no checksum of a part.
        let range = request.range.filter(|range| *range != ByteRange::From(0));
        let call = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .set_expected_bucket_owner(self.owner.clone())
            .set_range(range.map(header).transpose().map_err(|()| self.no_such_bytes())?)
            .set_if_match(if_match.map(str::to_owned))
            .set_if_none_match(conditions.if_none_match.as_ref().map(|held| held.as_str().to_owned()))
            .customize()
            .mutate_request(with_checksum);
        let output = call.send().await.map_err(|error| errors::from_sdk(Hop::Read, &self.target, error))?;
        let size = output.content_length().and_then(|size| u64::try_from(size).ok());
        let size = size.ok_or_else(|| self.malformed(Hop::Read, "no length"))?;
        if size == 0 && request.range.is_some() {
            return Err(self.no_such_bytes());
        }
        let (range, whole) = match output.content_range() {
            None if range.is_some() => {
                return Err(self.malformed(Hop::Read, "no range where one was asked for"));
            }
            None => (0..size, size),
            Some(range) => {
                parse(range).ok_or_else(|| self.malformed(Hop::Read, "a range that cannot be understood"))?
            }
        };
        if range.end - range.start != size {
            return Err(self.malformed(Hop::Read, "a length that is not its range's"));
        }
        let object = self.object_of_get(key, &output, whole)?;
        let target = self.target.clone();
        let body = stream::unfold((output.body, target), |(mut body, target)| async move {
            let chunk = body.next().await?;
            let chunk = chunk.map_err(|_| {
                Error::new(Hop::Read, Kind::Unavailable, &target, "the connection broke")
                    .with_hint(&hints::UNREACHABLE)
            });
            Some((chunk, (body, target)))
        });
        Ok(Opened { meta: meta(object), range, body: Box::pin(body) })
    }

    fn changed(&self) -> Error {
        Error::new(Hop::Read, Kind::Changed, &self.target, "the object is not in the version asked for")
            .with_hint(&hints::CHANGED)
    }

    fn no_such_bytes(&self) -> Error {
        Error::new(Hop::Read, Kind::OutOfRange, &self.target, "the object has no such bytes")
    }
}

fn meta(object: SinkObject) -> ObjectMeta {
    let attributes = object.attributes;
    ObjectMeta {
        key: object.key,
        size: object.size,
        version: object.version,
        last_modified: object.last_modified,
        content_type: attributes.content_type,
        content_encoding: attributes.content_encoding,
        cache_control: attributes.cache_control,
        content_disposition: attributes.content_disposition,
        metadata: attributes.metadata,
        digests: Digests { crc32c: object.crc32c.map(|crc32c| crc32c.as_u32()), md5: None },
    }
}

/// Numbers beyond S3's own are clamped: they mean the same.
fn header(range: ByteRange) -> Result<String, ()> {
    const BEYOND: u64 = i64::MAX as u64;
    Ok(match range {
        ByteRange::From(first) => format!("bytes={}-", first.min(BEYOND)),
        ByteRange::Between { first, last } if first <= last => {
            format!("bytes={}-{}", first.min(BEYOND), last.min(BEYOND))
        }
        ByteRange::Between { .. } | ByteRange::Last(0) => return Err(()),
        ByteRange::Last(count) => format!("bytes=-{}", count.min(BEYOND)),
    })
}

/// `bytes 5-9/100`
fn parse(header: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then_some((first..last + 1, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_and_read() {
        assert_eq!(header(ByteRange::Between { first: 5, last: 9 }).as_deref(), Ok("bytes=5-9"));
        assert_eq!(header(ByteRange::From(5)).as_deref(), Ok("bytes=5-"));
        assert_eq!(header(ByteRange::Last(5)).as_deref(), Ok("bytes=-5"));
        assert_eq!(header(ByteRange::Last(0)), Err(()));
        assert_eq!(parse("bytes 5-9/100"), Some((5..10, 100)));
        for broken in ["bytes 9-5/100", "bytes 5-100/100", "bytes */100", "5-9/100", "bytes 5-9/*"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }
}
