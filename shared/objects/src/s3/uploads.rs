//! Objects in parts.

use super::S3Bucket;
use super::objects::{encryption, headers, metadata, storage_class, tagging};
use super::{errors, streamed};
use crate::key::Key;
use crate::sink::{
    Attributes, CompleteRequest, Crc32c, Part, PartPage, Upload, UploadId, WriteOutcome, Written,
};
use crate::source::ByteStream;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation};
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use carnet_federation::{Error, Hop, Kind, Result};

impl S3Bucket {
    pub(super) async fn create_upload(&self, key: &Key, attributes: &Attributes) -> Result<Upload> {
        let call = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key.as_str())
            .set_expected_bucket_owner(self.owner.clone())
            .checksum_algorithm(ChecksumAlgorithm::Crc32C)
            .checksum_type(ChecksumType::FullObject)
            .set_content_type(attributes.content_type.clone())
            .set_content_encoding(attributes.content_encoding.clone())
            .set_cache_control(attributes.cache_control.clone())
            .set_content_disposition(attributes.content_disposition.clone())
            .set_metadata(metadata(attributes))
            .set_storage_class(storage_class(attributes))
            .set_server_side_encryption(encryption(attributes))
            .set_ssekms_key_id(attributes.kms_key_id.clone())
            .set_tagging(tagging(attributes));
        let output = call.send().await.map_err(|error| errors::from_sdk(Hop::Write, &self.target, error))?;
        let id = output.upload_id().filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| self.malformed(Hop::Write, "no upload id"))?;
        Ok(Upload { key: key.clone(), id: UploadId::new(id) })
    }

    /// The SDK sums up what it sends, and says so behind it.
    pub(super) async fn upload_part(
        &self,
        upload: &Upload,
        number: u32,
        size: u64,
        body: ByteStream,
    ) -> Result<Part> {
        let (body, sum) = streamed::body(size, body);
        let call = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(upload.key.as_str())
            .set_expected_bucket_owner(self.owner.clone())
            .upload_id(upload.id.as_str())
            .part_number(self.part_number(number)?)
            .checksum_algorithm(ChecksumAlgorithm::Crc32C)
            .body(body);
        // Off for all other calls, see there.
        let summed = Builder::new().request_checksum_calculation(RequestChecksumCalculation::WhenSupported);
        let outcome = call.customize().config_override(summed).send().await;
        let output = outcome.map_err(|error| errors::from_sdk(Hop::Write, &self.target, error))?;
        let (sent, kept) = (sum.get(), self.stated(Hop::Write, output.checksum_crc32_c())?);
        if kept.is_some_and(|kept| kept != sent) {
            return Err(self.malformed(Hop::Write, "another checksum than that of the part"));
        }
        Ok(Part { number, size, tag: self.version(Hop::Write, output.e_tag())?, crc32c: Some(sent) })
    }

    pub(super) async fn parts(&self, upload: &Upload, after: Option<u32>) -> Result<PartPage> {
        let call = self
            .client
            .list_parts()
            .bucket(&self.bucket)
            .key(upload.key.as_str())
            .set_expected_bucket_owner(self.owner.clone())
            .upload_id(upload.id.as_str())
            .set_part_number_marker(after.map(|number| number.to_string()));
        let output = call.send().await.map_err(|error| errors::from_sdk(Hop::Write, &self.target, error))?;
        let parts: Vec<Part> = output.parts().iter().map(|part| self.part(part)).collect::<Result<_>>()?;
        let next = match output.is_truncated() {
            Some(true) => {
                let last = parts.last().map(|part| part.number).filter(|last| Some(*last) > after);
                Some(last.ok_or_else(|| self.malformed(Hop::Write, "a page of parts that leads nowhere"))?)
            }
            _ => None,
        };
        Ok(PartPage { parts, next })
    }

    fn part(&self, part: &aws_sdk_s3::types::Part) -> Result<Part> {
        let number = part.part_number().and_then(|number| u32::try_from(number).ok());
        let size = part.size().and_then(|size| u64::try_from(size).ok());
        Ok(Part {
            number: number.ok_or_else(|| self.malformed(Hop::Write, "a part without a number"))?,
            size: size.ok_or_else(|| self.malformed(Hop::Write, "a part without a size"))?,
            tag: self.version(Hop::Write, part.e_tag())?,
            crc32c: self.stated(Hop::Write, part.checksum_crc32_c())?,
        })
    }

    pub(super) async fn complete_upload(
        &self,
        upload: &Upload,
        parts: &[Part],
        request: &CompleteRequest,
    ) -> Result<WriteOutcome> {
        let mut completed = CompletedMultipartUpload::builder();
        for part in parts {
            let crc32c = part.crc32c.map(Crc32c::to_base64);
            completed = completed.parts(
                CompletedPart::builder()
                    .part_number(self.part_number(part.number)?)
                    .e_tag(part.tag.as_str())
                    .set_checksum_crc32_c(crc32c)
                    .build(),
            );
        }
        let (if_match, if_none_match) = headers(&request.condition);
        let size = i64::try_from(request.size).map_err(|_| self.too_large())?;
        let call = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(upload.key.as_str())
            .set_expected_bucket_owner(self.owner.clone())
            .upload_id(upload.id.as_str())
            .multipart_upload(completed.build())
            .checksum_crc32_c(request.crc32c.to_base64())
            .checksum_type(ChecksumType::FullObject)
            .mpu_object_size(size)
            .set_if_match(if_match)
            .set_if_none_match(if_none_match);
        match call.send().await {
            Ok(output) => {
                let kept = self.stated(Hop::Write, output.checksum_crc32_c())?;
                let kept = kept.filter(|_| output.checksum_type() != Some(&ChecksumType::Composite));
                if kept.is_some_and(|kept| kept != request.crc32c) {
                    return Err(self.malformed(Hop::Write, "another checksum than that of the object"));
                }
                Ok(WriteOutcome::Written(Written {
                    version: self.version(Hop::Write, output.e_tag())?,
                    version_id: output.version_id().map(str::to_owned),
                    crc32c: kept,
                    request_id: errors::request_id(&output),
                }))
            }
            Err(error) => {
                let answer = errors::answer(Hop::Write, &self.target, error)?;
                // Here no bytes were sent: the same parts will never have this checksum.
                if answer.is("BadDigest") {
                    let message = "the parts are not the object whose checksum was stated";
                    return Err(answer.into_error_of(Hop::Write, &self.target, Kind::Malformed, message));
                }
                self.unwritten(answer, &request.condition)
            }
        }
    }

    pub(super) async fn abort_upload(&self, upload: &Upload) -> Result<()> {
        let call = self
            .client
            .abort_multipart_upload()
            .bucket(&self.bucket)
            .key(upload.key.as_str())
            .set_expected_bucket_owner(self.owner.clone())
            .upload_id(upload.id.as_str());
        let Err(error) = call.send().await else { return Ok(()) };
        let answer = errors::answer(Hop::Write, &self.target, error)?;
        if answer.is("NoSuchUpload") { Ok(()) } else { Err(answer.into_error(Hop::Write, &self.target)) }
    }

    fn part_number(&self, number: u32) -> Result<i32> {
        i32::try_from(number).map_err(|_| self.too_large())
    }

    fn too_large(&self) -> Error {
        Error::new(Hop::Write, Kind::Malformed, &self.target, "S3 does not count so far")
    }
}
