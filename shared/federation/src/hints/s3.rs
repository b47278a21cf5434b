//! Amazon S3, where it is written: codes as "Error responses" of its API reference has them.

use super::{Hint, hint, named, plain};

static S3: &[(&str, Hint)] = &[
    (
        "NoSuchBucket",
        hint("nosuchbucket", "bucket", "correct the bucket's name, or make it; sync makes none"),
    ),
    ("AccessDenied", DENIED),
    ("AllAccessDisabled", DENIED),
    ("PermanentRedirect", ELSEWHERE),
    ("TemporaryRedirect", ELSEWHERE),
    ("AuthorizationHeaderMalformed", ELSEWHERE),
    ("SlowDown", SLOW_DOWN),
    ("ServiceUnavailable", SLOW_DOWN),
];

const DENIED: Hint = hint(
    "s3-accessdenied",
    "S3 permissions",
    "allow the role s3:ListBucket on the bucket and s3:GetObject, PutObject and DeleteObject on what is below it",
);
const ELSEWHERE: Hint = hint(
    "bucket-in-another-region",
    "CARNET_S3_REGION",
    "set CARNET_S3_REGION (or AWS_REGION) to the bucket's region",
);
const SLOW_DOWN: Hint =
    plain("slowdown", "S3 asks for fewer calls: lower --concurrency, or run it again later");

/// The row of a code. A refusal without a code, as of a `HEAD`, is told by its status.
pub fn s3(code: Option<&str>, status: u16) -> Option<&'static Hint> {
    match (code, status) {
        (Some(code), _) => named(S3, code),
        (None, 403) => named(S3, "AccessDenied"),
        (None, 301 | 307) => named(S3, "PermanentRedirect"),
        _ => None,
    }
}

pub(super) fn all() -> impl Iterator<Item = &'static Hint> {
    S3.iter().map(|(_, hint)| hint)
}
