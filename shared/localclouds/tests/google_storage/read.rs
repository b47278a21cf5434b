//! Objects: get, metadata and bytes.

use crate::service::{Service, header, refused};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carnet_localclouds::google_storage::SIDECAR;
use md5::{Digest as _, Md5};
use reqwest::{Method, Response};
use std::io::Write as _;

fn hashes(bytes: &[u8]) -> (String, String) {
    (STANDARD.encode(Md5::digest(bytes)), STANDARD.encode(crc32c::crc32c(bytes).to_be_bytes()))
}

async fn ranged(service: &Service, name: &str, range: &str) -> Response {
    let path = format!("{}?alt=media", service.object(name));
    service.call(Method::GET, &path).header("range", range).send().await.unwrap()
}

#[tokio::test]
async fn metadata_says_everything_about_the_object() {
    let service = Service::new().await;
    service.folder.write("a/hello world.txt", "hello world");
    let object = service.metadata("a/hello world.txt").await;
    let (md5, crc32c) = hashes(b"hello world");
    let generation = object["generation"].as_str().unwrap();
    assert_eq!(generation.len(), 16, "microseconds since 1970: {generation}");
    for (field, expected) in [
        ("kind", "storage#object".to_owned()),
        ("name", "a/hello world.txt".to_owned()),
        ("bucket", service.bucket.clone()),
        ("id", format!("{}/a/hello world.txt/{generation}", service.bucket)),
        ("size", "11".to_owned()),
        ("metageneration", "1".to_owned()),
        ("contentType", "text/plain".to_owned()),
        ("storageClass", "STANDARD".to_owned()),
        ("md5Hash", md5),
        ("crc32c", crc32c),
    ] {
        assert_eq!(object[field], expected, "{field}");
    }
    let link = object["mediaLink"].as_str().unwrap();
    let path = format!("/download/storage/v1/b/{}/o/a%2Fhello%20world.txt", service.bucket);
    assert!(link.ends_with(&format!("{path}?generation={generation}&alt=media")), "{link}");
    assert!(object["selfLink"].as_str().unwrap().ends_with(&path["/download".len()..]));
    let updated = object["updated"].as_str().unwrap();
    assert!(updated.starts_with("20") && updated.ends_with('Z') && object["timeCreated"] == updated);
}

#[tokio::test]
async fn bytes_come_by_both_addresses_with_all_headers() {
    let service = Service::new().await;
    service.folder.write("a/hello.txt", "hello world");
    let object = service.metadata("a/hello.txt").await;
    let (md5, crc32c) = hashes(b"hello world");
    let address = format!("{}?alt=media", service.object("a/hello.txt"));
    for path in [address.clone(), format!("/download{address}")] {
        let response = service.get(&path).await;
        assert_eq!(response.status(), 200);
        for (name, expected) in [
            ("content-length", "11"),
            ("content-type", "text/plain"),
            ("x-goog-generation", object["generation"].as_str().unwrap()),
            ("x-goog-metageneration", "1"),
            ("x-goog-stored-content-length", "11"),
            ("x-goog-stored-content-encoding", "identity"),
            ("x-goog-storage-class", "STANDARD"),
            ("x-goog-hash", &format!("crc32c={crc32c},md5={md5}")),
            ("etag", object["etag"].as_str().unwrap()),
            ("accept-ranges", "bytes"),
            ("server", "UploadServer"),
        ] {
            assert_eq!(header(&response, name), expected, "{name}");
        }
        assert!(header(&response, "last-modified").ends_with(" GMT"));
        assert_eq!(response.text().await.unwrap(), "hello world");
    }
    let absent = service.media("absent").await;
    assert_eq!(
        (absent.status().as_u16(), header(&absent, "content-type")),
        (404, "text/html; charset=UTF-8")
    );
    assert_eq!(absent.text().await.unwrap(), format!("No such object: {}/absent", service.bucket));
}

#[tokio::test]
async fn ranges_are_given_clamped_and_refused() {
    let service = Service::new().await;
    let bytes: Vec<u8> = (0..3_000_000u32).map(|number| (number % 251) as u8).collect();
    service.folder.write("big", &bytes);
    service.folder.write("empty", "");
    for (range, expected) in [
        ("bytes=0-0", 0..1),
        ("bytes=5-1048580", 5..1_048_581),
        ("bytes=2999999-", 2_999_999..3_000_000),
        ("bytes=1000000-99999999999999", 1_000_000..3_000_000),
        ("bytes=-7", 2_999_993..3_000_000),
        ("bytes=-9999999", 0..3_000_000),
    ] {
        let response = ranged(&service, "big", range).await;
        assert_eq!(response.status(), 206, "{range}");
        let content_range = format!("bytes {}-{}/3000000", expected.start, expected.end - 1);
        assert_eq!(header(&response, "content-range"), content_range);
        assert_eq!(header(&response, "content-length"), expected.len().to_string());
        assert_eq!(response.bytes().await.unwrap(), bytes[expected]);
    }
    for (name, range, size) in
        [("big", "bytes=3000000-", 3_000_000), ("big", "bytes=-0", 3_000_000), ("empty", "bytes=0-", 0)]
    {
        let response = ranged(&service, name, range).await;
        assert_eq!(
            (response.status().as_u16(), header(&response, "content-range")),
            (416, &*format!("bytes */{size}"))
        );
    }
    for ignored in ["bytes=5-3", "bytes=0-1,5-6", "items=0-1"] {
        assert_eq!(ranged(&service, "big", ignored).await.status(), 200, "{ignored}");
    }
    let empty = service.media("empty").await;
    assert_eq!((empty.status().as_u16(), empty.bytes().await.unwrap().len()), (200, 0));
}

#[tokio::test]
async fn conditions_compare_generations() {
    let service = Service::new().await;
    service.folder.write("doc", "one");
    let number = |object: &serde_json::Value| object["generation"].as_str().unwrap().to_owned();
    let first = number(&service.metadata("doc").await);
    let metadata = |query: String| async {
        let (service, query) = (&service, query);
        service.get(&format!("{}?{query}", service.object("doc"))).await
    };
    for held in [
        format!("ifGenerationMatch={first}"),
        format!("generation={first}"),
        "ifGenerationNotMatch=5".into(),
        "ifGenerationNotMatch=0".into(),
        "ifMetagenerationMatch=1".into(),
        "ifMetagenerationNotMatch=2".into(),
    ] {
        assert_eq!(metadata(held.clone()).await.status(), 200, "{held}");
    }
    for unmet in ["ifGenerationMatch=5", "ifGenerationMatch=0", "ifMetagenerationMatch=2"] {
        let message = refused(metadata(unmet.into()).await, 412, "conditionNotMet").await;
        assert_eq!(message, "At least one of the pre-conditions you specified did not hold.");
        assert_eq!(metadata(format!("{unmet}&alt=media")).await.status(), 412);
    }
    for held in [format!("ifGenerationNotMatch={first}"), "ifMetagenerationNotMatch=1".into()] {
        let response = metadata(held.clone()).await;
        assert_eq!(response.status(), 304, "{held}");
        assert!(response.bytes().await.unwrap().is_empty());
    }
    refused(metadata("generation=5".into()).await, 404, "notFound").await;
    refused(metadata("ifGenerationMatch=x".into()).await, 400, "invalidParameter").await;
    service.folder.write("doc", "two2");
    let second = service.metadata("doc").await;
    assert_ne!(number(&second), first);
    assert_eq!(second["md5Hash"], hashes(b"two2").0);
    refused(metadata(format!("ifGenerationMatch={first}")).await, 412, "conditionNotMet").await;
}

#[tokio::test]
async fn a_sidecar_states_properties_and_is_no_object() {
    let service = Service::new().await;
    for name in ["page", "composite"] {
        service.folder.write(name, "hello");
    }
    service.folder.write(
        SIDECAR,
        r#"{"page": {"content_type": "text/html", "cache_control": "max-age=60", "metadata": {"owner": "me"},
                     "content_disposition": "attachment"},
            "composite": {"content_md5": null}}"#,
    );
    let page = service.metadata("page").await;
    assert_eq!((&page["contentType"], &page["cacheControl"]), (&"text/html".into(), &"max-age=60".into()));
    assert_eq!(
        (&page["contentDisposition"], &page["metadata"]["owner"]),
        (&"attachment".into(), &"me".into())
    );
    let media = service.media("page").await;
    assert_eq!((header(&media, "cache-control"), header(&media, "x-goog-meta-owner")), ("max-age=60", "me"));
    assert_eq!(header(&media, "content-disposition"), "attachment");
    let composite = service.metadata("composite").await;
    assert!(composite["md5Hash"].is_null() && composite["componentCount"].is_number(), "{composite}");
    let hash = service.media("composite").await;
    assert_eq!(header(&hash, "x-goog-hash"), format!("crc32c={}", hashes(b"hello").1));
    assert_eq!(service.names("").await, ["composite", "page"]);
    refused(service.get(&service.object(SIDECAR)).await, 404, "notFound").await;
}

#[tokio::test]
async fn gzip_is_undone_for_who_does_not_take_it() {
    let service = Service::new().await;
    let plain = "the same line again and again\n".repeat(1000);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain.as_bytes()).unwrap();
    let stored = encoder.finish().unwrap();
    for name in ["lines", "fixed"] {
        service.folder.write(name, &stored);
    }
    service.folder.write(
        SIDECAR,
        r#"{"lines": {"content_encoding": "gzip"},
            "fixed": {"content_encoding": "gzip", "cache_control": "no-transform"}}"#,
    );
    let path = format!("{}?alt=media", service.object("lines"));
    // A range of what is undone is not regarded.
    for range in [None, Some("bytes=0-4")] {
        let request = service.call(Method::GET, &path);
        let request = range.map_or(request.try_clone().unwrap(), |range| request.header("range", range));
        let response = request.send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "content-encoding")), (200, ""));
        assert_eq!(header(&response, "content-length"), "");
        assert_eq!(header(&response, "warning"), "214 UploadServer gunzipped");
        assert_eq!(header(&response, "x-goog-stored-content-encoding"), "gzip");
        assert_eq!(header(&response, "x-goog-stored-content-length"), stored.len().to_string());
        assert_eq!(response.text().await.unwrap(), plain);
    }
    for taken in ["gzip", "deflate, gzip;q=1.0"] {
        let response =
            service.call(Method::GET, &path).header("accept-encoding", taken).send().await.unwrap();
        assert_eq!(header(&response, "content-encoding"), "gzip");
        assert_eq!(response.bytes().await.unwrap(), stored);
    }
    let refusing =
        service.call(Method::GET, &path).header("accept-encoding", "gzip;q=0").send().await.unwrap();
    assert_eq!(refusing.text().await.unwrap(), plain);
    let part =
        service.call(Method::GET, &path).header("accept-encoding", "gzip").header("range", "bytes=2-5");
    assert_eq!(part.send().await.unwrap().bytes().await.unwrap(), stored[2..6]);
    assert_eq!(service.media("fixed").await.bytes().await.unwrap(), stored);
}
