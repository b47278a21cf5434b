//! S3's codes and words.
//!
//! Codes, statuses and most sentences are those of "Error responses" in the Amazon S3 API reference
//! and of the operations' own pages there. Those of a conflicting write, of checksums and of a denial
//! are not printed there: they are as S3's users report them. Nothing of ours depends on the words.

use s3s::{S3Error, S3ErrorCode};

fn error(code: S3ErrorCode, message: impl Into<std::borrow::Cow<'static, str>>) -> S3Error {
    S3Error::with_message(code, message)
}

pub(super) fn no_such_bucket() -> S3Error {
    error(S3ErrorCode::NoSuchBucket, "The specified bucket does not exist")
}

pub(super) fn no_such_key() -> S3Error {
    error(S3ErrorCode::NoSuchKey, "The specified key does not exist.")
}

pub(super) fn no_such_upload() -> S3Error {
    error(
        S3ErrorCode::NoSuchUpload,
        "The specified multipart upload does not exist. The upload ID might be invalid, or the multipart upload \
         might have been aborted or completed.",
    )
}

pub(super) fn precondition_failed() -> S3Error {
    error(S3ErrorCode::PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

pub(super) fn conflict() -> S3Error {
    error(
        S3ErrorCode::ConditionalRequestConflict,
        "The conditional request cannot succeed due to a conflicting operation against this resource.",
    )
}

pub(super) fn not_modified() -> S3Error {
    S3Error::new(S3ErrorCode::NotModified)
}

pub(super) fn not_implemented_header() -> S3Error {
    error(S3ErrorCode::NotImplemented, "A header you provided implies functionality that is not implemented")
}

pub(super) fn invalid_range() -> S3Error {
    error(S3ErrorCode::InvalidRange, "The requested range is not satisfiable")
}

pub(super) fn wrong_checksum(algorithm: &str) -> S3Error {
    error(
        S3ErrorCode::BadDigest,
        format!("The {algorithm} you specified did not match the calculated checksum."),
    )
}

pub(super) fn wrong_md5() -> S3Error {
    error(S3ErrorCode::BadDigest, "The Content-MD5 you specified did not match what we received.")
}

pub(super) fn invalid_md5() -> S3Error {
    error(S3ErrorCode::InvalidDigest, "The Content-MD5 you specified is not valid.")
}

pub(super) fn wrong_sha256() -> S3Error {
    let mut error = error(
        S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into()),
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
    error.set_status_code(http::StatusCode::BAD_REQUEST);
    error
}

pub(super) fn invalid_checksum(algorithm: &str) -> S3Error {
    let header = algorithm.to_ascii_lowercase();
    error(S3ErrorCode::InvalidRequest, format!("Value for x-amz-checksum-{header} header is invalid."))
}

pub(super) fn several_checksums() -> S3Error {
    error(
        S3ErrorCode::InvalidRequest,
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
    )
}

pub(super) fn other_checksum(expected: &str, actual: &str) -> S3Error {
    let (expected, actual) = (expected.to_ascii_lowercase(), actual.to_ascii_lowercase());
    error(
        S3ErrorCode::InvalidRequest,
        format!(
            "Checksum Type mismatch occurred, expected checksum Type: {expected}, actual checksum Type: {actual}"
        ),
    )
}

/// "CompleteMultipartUpload", `x-amz-checksum-type`: that it is a BadDigest. The words are ours.
pub(super) fn other_checksum_type() -> S3Error {
    error(S3ErrorCode::BadDigest, "The checksum type is not that of the multipart upload.")
}

/// "CompleteMultipartUpload", `x-amz-mp-object-size`: that it is an InvalidRequest. The words are ours.
pub(super) fn wrong_size() -> S3Error {
    error(S3ErrorCode::InvalidRequest, "The object size you specified is not that of the parts.")
}

pub(super) fn missing_part_checksum(algorithm: &str, number: i32) -> S3Error {
    let algorithm = algorithm.to_ascii_lowercase();
    error(
        S3ErrorCode::InvalidRequest,
        format!(
            "The upload was created using a {algorithm} checksum. The complete request must include the checksum for \
             each part. It was missing for part {number} in the request."
        ),
    )
}

pub(super) fn invalid_part() -> S3Error {
    error(
        S3ErrorCode::InvalidPart,
        "One or more of the specified parts could not be found. The part might not have been uploaded, or the \
         specified ETag might not have matched the uploaded part's ETag.",
    )
}

pub(super) fn invalid_part_order() -> S3Error {
    error(
        S3ErrorCode::InvalidPartOrder,
        "The list of parts was not in ascending order. The parts list must be specified in order by part number.",
    )
}

pub(super) fn too_small() -> S3Error {
    error(
        S3ErrorCode::EntityTooSmall,
        "Your proposed upload is smaller than the minimum allowed object size.",
    )
}

pub(super) fn too_large() -> S3Error {
    error(S3ErrorCode::EntityTooLarge, "Your proposed upload exceeds the maximum allowed object size.")
}

pub(super) fn incomplete() -> S3Error {
    error(
        S3ErrorCode::IncompleteBody,
        "You did not provide the number of bytes specified by the Content-Length HTTP header.",
    )
}

pub(super) fn malformed_xml() -> S3Error {
    error(
        S3ErrorCode::MalformedXML,
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

pub(super) fn invalid_part_number() -> S3Error {
    error(S3ErrorCode::InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive")
}

pub(super) fn invalid_token() -> S3Error {
    error(S3ErrorCode::InvalidArgument, "The continuation token provided is incorrect")
}

pub(super) fn unknown_key() -> S3Error {
    error(
        S3ErrorCode::InvalidAccessKeyId,
        "The AWS Access Key Id you provided does not exist in our records.",
    )
}

pub(super) fn bad_session_token() -> S3Error {
    error(S3ErrorCode::InvalidToken, "The provided token is malformed or otherwise invalid.")
}

pub(super) fn expired_session() -> S3Error {
    error(S3ErrorCode::ExpiredToken, "The provided token has expired.")
}

pub(super) fn wrong_region(region: &str) -> S3Error {
    error(
        S3ErrorCode::AuthorizationHeaderMalformed,
        format!("The authorization header is malformed; the region is wrong; expecting '{region}'"),
    )
}

pub(super) fn access_denied() -> S3Error {
    error(S3ErrorCode::AccessDenied, "Access Denied")
}

pub(super) fn denied(who: &str, action: &str, resource: &str, explicit: bool) -> S3Error {
    let why = if explicit {
        "with an explicit deny in an identity-based policy".to_owned()
    } else {
        format!("because no identity-based policy allows the {action} action")
    };
    error(
        S3ErrorCode::AccessDenied,
        format!("User: {who} is not authorized to perform: {action} on resource: \"{resource}\" {why}"),
    )
}
