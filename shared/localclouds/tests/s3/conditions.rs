//! Conditions, ranges, checksums, and a delete that crosses a write.

use crate::client::{self, crc32c, start};
use bytes::Bytes;
use futures_util::stream;
use std::io;
use tokio::sync::oneshot;

#[tokio::test]
async fn conditions_of_a_write() {
    let s3 = start().await;
    let absent = [("if-none-match", "*")];
    let first = s3.send("PUT", "/a", &absent, "first").await.ok();
    let tag = first.header("etag").to_owned();
    assert_eq!(s3.send("PUT", "/a", &absent, "x").await.code(), (412, "PreconditionFailed".into()));
    let other = [("if-match", "\"00000000000000000000000000000000\"")];
    assert_eq!(s3.send("PUT", "/a", &other, "x").await.code(), (412, "PreconditionFailed".into()));
    assert_eq!(s3.send("PUT", "/none", &other, "x").await.code(), (404, "NoSuchKey".into()));
    let second = s3.send("PUT", "/a", &[("if-match", &tag)], "second").await.ok();
    assert_ne!(second.header("etag"), tag);
    let unknown = [("if-none-match", tag.as_str())];
    assert_eq!(s3.send("PUT", "/a", &unknown, "x").await.code(), (501, "NotImplemented".into()));
    assert_eq!(s3.get("/a").await.ok().body, "second");
}

#[tokio::test]
async fn conditions_of_a_delete() {
    let s3 = start().await;
    let tag = s3.put("/a", "here").await.ok().header("etag").to_owned();
    let other = [("if-match", "\"0\"")];
    assert_eq!(s3.send("DELETE", "/a", &other, "").await.code(), (412, "PreconditionFailed".into()));
    assert_eq!(s3.send("DELETE", "/a", &[("if-match", &tag)], "").await.ok().status, 204);
    assert_eq!(s3.send("DELETE", "/a", &[("if-match", &tag)], "").await.code(), (404, "NoSuchKey".into()));
    assert_eq!(s3.send("DELETE", "/a", &[], "").await.ok().status, 204);
}

#[tokio::test]
async fn conditions_and_ranges_of_a_read() {
    let s3 = start().await;
    let tag = s3.put("/a", "0123456789").await.ok().header("etag").to_owned();
    let read = async |headers: &[(&str, &str)]| s3.send("GET", "/a", headers, "").await;
    assert_eq!(read(&[("if-none-match", &tag)]).await.status, 304);
    assert_eq!(read(&[("if-match", "\"0\"")]).await.code(), (412, "PreconditionFailed".into()));
    for (range, body, content_range) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let part = read(&[("range", range)]).await;
        assert_eq!((part.status, part.body.as_str()), (206, body), "{range}");
        assert_eq!(part.header("content-range"), content_range);
    }
    assert_eq!(read(&[("range", "bytes=10-")]).await.code(), (416, "InvalidRange".into()));
}

#[tokio::test]
async fn checksums_of_a_body() {
    let s3 = start().await;
    let stated = crc32c(b"body");
    let right = [("x-amz-checksum-crc32c", stated.as_str())];
    assert_eq!(s3.send("PUT", "/a", &right, "body").await.ok().header("x-amz-checksum-crc32c"), stated);
    for (headers, body, code) in [
        (&right[..], "bodY", "BadDigest"),
        (&[("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==")], "not empty", "BadDigest"),
        (&[("content-md5", "?")], "body", "InvalidDigest"),
        (&[("x-amz-checksum-crc32c", "?")], "body", "InvalidRequest"),
        (&[right[0], ("x-amz-checksum-crc32", "AAAAAA==")], "body", "InvalidRequest"),
    ] {
        assert_eq!(s3.send("PUT", "/b", headers, body).await.code(), (400, code.into()), "{headers:?}");
        assert_eq!(s3.get("/b").await.status, 404, "nothing is visible");
    }
    let told = s3.send("GET", "/a", &[("x-amz-checksum-mode", "ENABLED")], "").await.ok();
    assert_eq!(told.header("x-amz-checksum-crc32c"), stated);
    assert_eq!(told.header("x-amz-checksum-type"), "FULL_OBJECT");
}

/// "How to prevent object overwrites with conditional writes": a delete that succeeds while a write
/// that asked for absence is under way gives that 409; one that asked for a version finds it gone.
#[tokio::test]
async fn a_delete_crosses_a_write() {
    let s3 = start().await;
    for (condition, code) in
        [("if-none-match", (409, "ConditionalRequestConflict")), ("if-match", (404, "NoSuchKey"))]
    {
        let tag = s3.put("/crossed", "old").await.ok().header("etag").to_owned();
        let value = if condition == "if-match" { tag.as_str() } else { "*" };
        let (arrived, arrives) = oneshot::channel();
        let (open, opened) = oneshot::channel::<()>();
        // The first half is taken before the second exists.
        let halves = stream::unfold(Some((Some(arrived), opened)), |state| async move {
            let (arrived, opened) = state?;
            match arrived {
                Some(arrived) => {
                    let half = Ok::<_, io::Error>(Bytes::from(vec![1; 1 << 20]));
                    let _ = arrived.send(());
                    Some((half, Some((None, opened))))
                }
                None => {
                    let _ = opened.await;
                    Some((Ok(Bytes::from(vec![2; 1 << 20])), None))
                }
            }
        });
        let headers = [(condition, value), ("content-length", "2097152")];
        let write = s3.request("PUT", "/crossed", &headers).body(reqwest::Body::wrap_stream(halves));
        let writing = tokio::spawn(client::answer(write));
        arrives.await.unwrap();
        while s3.clouds.handle().s3.receiving() == 0 {
            tokio::task::yield_now().await;
        }
        s3.send("DELETE", "/crossed", &[], "").await.ok();
        open.send(()).unwrap();
        let answer = writing.await.unwrap();
        assert_eq!(answer.code(), (code.0, code.1.to_owned()), "{condition}");
        assert_eq!(s3.get("/crossed").await.status, 404);
    }
}
