//! Which operation is whose. What is not here is answered `NotImplemented`.

use super::access::Caller;
use super::store::Store;
use super::{error, listing, objects, uploads};
use crate::local::Handle;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};

/// What the operations share.
pub(super) struct Buckets {
    handle: Handle,
}

impl Buckets {
    pub(super) fn new(handle: Handle) -> Self {
        Self { handle }
    }

    pub(super) fn store(&self) -> &Store {
        &self.handle.s3
    }

    /// What is said of an object that is not there: to those who may not list the bucket, that they
    /// may not know ("GetObject", permissions).
    pub(super) fn missing<T>(&self, request: &S3Request<T>, bucket: &str) -> s3s::S3Error {
        let may_list = request.extensions.get::<Caller>().is_some_and(|caller| {
            caller.may(&self.handle, "s3:ListBucket", &format!("arn:aws:s3:::{bucket}")).is_ok()
        });
        if may_list { error::no_such_key() } else { error::access_denied() }
    }
}

type Answer<T> = S3Result<S3Response<T>>;

fn answered<T>(output: T) -> Answer<T> {
    Ok(S3Response::new(output))
}

#[async_trait::async_trait]
impl S3 for Buckets {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        answered(objects::put(self, request).await?)
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        answered(objects::get(self, request)?)
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        answered(objects::head(self, request)?)
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        objects::delete(self, &request.input)?;
        answered(DeleteObjectOutput::default())
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        answered(uploads::create(self, request.input)?)
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        answered(uploads::part(self, request).await?)
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        answered(uploads::list(self, request.input)?)
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        answered(uploads::complete(self, request.input)?)
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        uploads::abort(self, &request.input)?;
        answered(AbortMultipartUploadOutput::default())
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        answered(listing::uploads(self, request.input))
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        answered(listing::objects(self, request.input)?)
    }

    async fn head_bucket(&self, _: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        let region = self.handle.world().aws.region.clone();
        answered(HeadBucketOutput { bucket_region: Some(region), ..HeadBucketOutput::default() })
    }

    async fn get_bucket_location(
        &self,
        _: S3Request<GetBucketLocationInput>,
    ) -> Answer<GetBucketLocationOutput> {
        let region = self.handle.world().aws.region.clone();
        let location_constraint = Some(BucketLocationConstraint::from(region));
        answered(GetBucketLocationOutput { location_constraint })
    }

    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        let world = self.handle.world();
        let named = |name: &String| Bucket { name: Some(name.clone()), ..Bucket::default() };
        let buckets = Some(world.aws.s3_buckets.iter().map(named).collect());
        answered(ListBucketsOutput { buckets, ..ListBucketsOutput::default() })
    }
}
