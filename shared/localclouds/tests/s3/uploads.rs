//! Uploads in parts: what may become an object, and what may not.

use crate::client::{S3, crc32c, start};
use crate::clouds::tag;

const FULL: [(&str, &str); 2] =
    [("x-amz-checksum-algorithm", "CRC32C"), ("x-amz-checksum-type", "FULL_OBJECT")];

async fn part(s3: &S3, id: &str, number: u32, body: &[u8]) -> String {
    let path = format!("/a?partNumber={number}&uploadId={id}");
    let sum = crc32c(body);
    let sent = s3.send("PUT", &path, &[("x-amz-checksum-crc32c", &sum)], body.to_vec()).await.ok();
    sent.header("etag").to_owned()
}

fn list(parts: &[(u32, &str)]) -> String {
    let parts: String = parts
        .iter()
        .map(|(number, tag)| format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"))
        .collect();
    format!(
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}</CompleteMultipartUpload>"
    )
}

#[tokio::test]
async fn a_whole_object_is_verified_before_it_is_one() {
    let s3 = start().await;
    let id = s3.begin("a", &FULL).await;
    let big = vec![1; 5 << 20];
    let (first, last) = (part(&s3, &id, 1, &big).await, part(&s3, &id, 2, b"last").await);
    let path = format!("/a?uploadId={id}");
    let whole = crc32c(&[big.as_slice(), b"last"].concat());
    let both = list(&[(1, &first), (2, &last)]);
    let size = (big.len() + 4).to_string();
    let right = [("x-amz-checksum-crc32c", whole.as_str()), ("x-amz-mp-object-size", size.as_str())];
    for (headers, body, code) in [
        (&right[..], list(&[(2, &last), (1, &first)]), "InvalidPartOrder"),
        (&[], list(&[(2, &last)]), "InvalidPartOrder"),
        (&[], list(&[(1, &last), (2, &first)]), "InvalidPart"),
        (&[], list(&[(1, &first), (2, &last), (3, &last)]), "InvalidPart"),
        (&[], list(&[]), "MalformedXML"),
        (&[("x-amz-checksum-crc32c", "AAAAAA==")], both.clone(), "BadDigest"),
        (&[("x-amz-checksum-type", "COMPOSITE")], both.clone(), "BadDigest"),
        (&[("x-amz-checksum-crc32", "AAAAAA==")], both.clone(), "InvalidRequest"),
        (&[("x-amz-mp-object-size", "7")], both.clone(), "InvalidRequest"),
    ] {
        let answer = s3.send("POST", &path, headers, body).await;
        assert_eq!(answer.code(), (400, code.to_owned()), "{headers:?}");
        assert_eq!(s3.get("/a").await.status, 404, "nothing is visible");
    }
    let done = s3.send("POST", &path, &right, both).await.ok();
    assert_eq!(tag(&done.body, "ChecksumCRC32C"), whole);
    assert_eq!(tag(&done.body, "ChecksumType"), "FULL_OBJECT");
    assert!(tag(&done.body, "ETag").contains("-2"), "{}", done.body);
    let head = s3.send("HEAD", "/a", &[("x-amz-checksum-mode", "ENABLED")], "").await.ok();
    assert_eq!(head.header("content-length"), size);
    assert_eq!(head.header("x-amz-checksum-crc32c"), whole);
    let again = s3.send("POST", &path, &[], list(&[(1, &first)])).await;
    assert_eq!(again.code(), (404, "NoSuchUpload".into()));
}

#[tokio::test]
async fn small_parts_are_for_the_end() {
    let s3 = start().await;
    let id = s3.begin("a", &FULL).await;
    let (first, last) = (part(&s3, &id, 1, b"small").await, part(&s3, &id, 2, b"last").await);
    let path = format!("/a?uploadId={id}");
    let answer = s3.send("POST", &path, &[], list(&[(1, &first), (2, &last)])).await;
    assert_eq!(answer.code(), (400, "EntityTooSmall".into()));
    s3.send("POST", &path, &[], list(&[(1, &first)])).await.ok();
    assert_eq!(s3.get("/a").await.ok().body, "small");
}

#[tokio::test]
async fn a_part_is_verified_when_it_comes() {
    let s3 = start().await;
    let id = s3.begin("a", &FULL).await;
    let path = format!("/a?partNumber=1&uploadId={id}");
    let wrong = crc32c(b"what was sent");
    for (headers, code) in [
        (("x-amz-checksum-crc32c", wrong.as_str()), "BadDigest"),
        (("x-amz-checksum-crc32", "AAAAAA=="), "InvalidRequest"),
        (("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="), "BadDigest"),
    ] {
        let answer = s3.send("PUT", &path, &[headers], "what arrived!").await;
        assert_eq!(answer.code(), (400, code.to_owned()), "{headers:?}");
    }
    let parts = s3.get(&format!("/a?uploadId={id}")).await.ok();
    assert!(!parts.body.contains("<Part>"), "{}", parts.body);
    for number in ["0", "10001"] {
        let path = format!("/a?partNumber={number}&uploadId={id}");
        assert_eq!(s3.put(&path, "x").await.code(), (400, "InvalidArgument".into()));
    }
}

/// The kind of checksum that other people's clients ask for.
#[tokio::test]
async fn composite_checksums_are_those_of_the_parts() {
    let s3 = start().await;
    let id = s3.begin("a", &[("x-amz-checksum-algorithm", "CRC32C")]).await;
    let first = part(&s3, &id, 1, b"alone").await;
    let path = format!("/a?uploadId={id}");
    let answer = s3.send("POST", &path, &[], list(&[(1, &first)])).await;
    assert_eq!(answer.code(), (400, "InvalidRequest".into()), "each part's checksum must be stated");
    let stated = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{first}</ETag>\
         <ChecksumCRC32C>{}</ChecksumCRC32C></Part></CompleteMultipartUpload>",
        crc32c(b"alone")
    );
    let done = s3.send("POST", &path, &[], stated).await.ok();
    let sum = tag(&done.body, "ChecksumCRC32C");
    assert!(sum.ends_with("-1") && tag(&done.body, "ChecksumType") == "COMPOSITE", "{}", done.body);
}

#[tokio::test]
async fn parts_are_listed_in_pages() {
    let s3 = start().await;
    let id = s3.begin("a", &FULL).await;
    for number in [1, 2, 3] {
        part(&s3, &id, number, b"part").await;
    }
    let page = s3.get(&format!("/a?max-parts=2&uploadId={id}")).await.ok().body;
    assert_eq!((tag(&page, "IsTruncated"), tag(&page, "NextPartNumberMarker")), ("true".into(), "2".into()));
    assert_eq!(page.matches("<Part>").count(), 2);
    let page = s3.get(&format!("/a?part-number-marker=2&uploadId={id}")).await.ok().body;
    assert_eq!((page.matches("<Part>").count(), tag(&page, "IsTruncated")), (1, "false".into()));
    assert_eq!(tag(&page, "ChecksumCRC32C"), crc32c(b"part"));
    s3.send("DELETE", &format!("/a?uploadId={id}"), &[], "").await.ok();
    let gone = s3.get(&format!("/a?uploadId={id}")).await;
    assert_eq!(gone.code(), (404, "NoSuchUpload".into()));
}
