//! List Blobs.

use crate::service::{Service, header, refused, texts};
use reqwest::Method;

#[tokio::test]
async fn a_listing_is_in_byte_order_and_complete() {
    let service = Service::new(false).await;
    for name in ["b", "a/2", "a/10", "a.txt", "a-b/c", "A", "é", "a/deep/er/x"] {
        service.folder.write(name, name);
    }
    std::fs::create_dir(service.folder.join("empty")).unwrap();
    let xml = service.list("").await;
    let expected = ["A", "a-b/c", "a.txt", "a/10", "a/2", "a/deep/er/x", "b", "é"];
    assert_eq!(texts(&xml, "Name"), expected);
    assert!(xml.contains("<NextMarker />"));
    assert!(xml.contains("ContainerName=\"docs\""));
    let head = service.call(Method::HEAD, "docs/a/10").send().await.unwrap();
    assert_eq!(format!("\"{}\"", texts(&xml, "Etag")[3]), header(&head, "etag"));
    assert_eq!(texts(&xml, "Content-MD5")[3], header(&head, "content-md5"));
    assert_eq!(texts(&xml, "Last-Modified")[3], header(&head, "last-modified"));
    assert_eq!(texts(&xml, "Creation-Time")[3], header(&head, "x-ms-creation-time"));
    assert_eq!(texts(&xml, "Content-Length")[3], "4");
    assert_eq!(texts(&xml, "BlobType")[3], "BlockBlob");
}

#[tokio::test]
async fn pages_join_to_the_whole_whatever_their_size() {
    let service = Service::new(false).await;
    for number in 0..23 {
        service.folder.write(&format!("d{}/f{number}", number % 4), "x");
        service.folder.write(&format!("f{number}"), "x");
    }
    let whole = service.names("").await;
    assert_eq!(whole.len(), 46);
    assert!(whole.is_sorted());
    let levels = service.names("&delimiter=/").await;
    for size in [1, 2, 7, 45, 46, 5000, 9999] {
        for (extra, expected) in [("", &whole), ("&delimiter=/", &levels)] {
            let (mut joined, mut marker) = (Vec::new(), String::new());
            loop {
                let xml = service.list(&format!("{extra}&maxresults={size}&marker={marker}")).await;
                let page = texts(&xml, "Name");
                assert!(page.len() <= size);
                joined.extend(page);
                match texts(&xml, "NextMarker").pop() {
                    Some(next) => marker = next,
                    None => break,
                }
            }
            assert_eq!(&joined, expected, "pages of {size}{extra}");
        }
    }
}

#[tokio::test]
async fn a_marker_survives_that_its_blob_is_deleted() {
    let service = Service::new(false).await;
    for name in ["a", "b", "c", "d"] {
        service.folder.write(name, "x");
    }
    let xml = service.list("&maxresults=2").await;
    let marker = texts(&xml, "NextMarker").pop().unwrap();
    std::fs::remove_file(service.folder.join("c")).unwrap();
    assert_eq!(service.names(&format!("&marker={marker}")).await, ["d"]);
}

#[tokio::test]
async fn prefix_delimiter_and_start_narrow_a_listing() {
    let service = Service::new(false).await;
    for name in ["logs/2024/a", "logs/2024/b", "logs/2025/a", "logs/x", "logs-old/y", "other"] {
        service.folder.write(name, "x");
    }
    assert_eq!(service.names("&prefix=logs/2024/").await, ["logs/2024/a", "logs/2024/b"]);
    assert_eq!(service.names("&prefix=logs").await.len(), 5);
    assert_eq!(service.names("&delimiter=/").await, ["logs-old/", "logs/", "other"]);
    let levels = service.list("&prefix=logs/&delimiter=/").await;
    assert_eq!(texts(&levels, "Name"), ["logs/2024/", "logs/2025/", "logs/x"]);
    assert_eq!(texts(&levels, "BlobPrefix").len(), 2);
    assert_eq!(service.names("&prefix=logs/20&delimiter=/").await, ["logs/2024/", "logs/2025/"]);
    // A delimiter need not be a slash, nor one character.
    assert_eq!(service.names("&delimiter=s/").await, ["logs-old/y", "logs/", "other"]);
    assert_eq!(service.names("&startFrom=logs/2025/a").await, ["logs/2025/a", "logs/x", "other"]);
    assert_eq!(service.names("&startFrom=logs/2024/aa&prefix=logs/2").await, ["logs/2024/b", "logs/2025/a"]);
    assert!(service.names("&prefix=nothing").await.is_empty());
}

#[tokio::test]
async fn a_hierarchical_account_puts_the_slash_first_and_shows_directories() {
    let service = Service::new(true).await;
    for name in ["Path A-B", "Path A/dat1", "Path A.txt", "z"] {
        service.folder.write(name, "x");
    }
    let xml = service.list("&include=metadata").await;
    assert_eq!(texts(&xml, "Name"), ["Path A", "Path A/dat1", "Path A-B", "Path A.txt", "z"]);
    assert_eq!(texts(&xml, "ResourceType"), ["directory", "file", "file", "file", "file"]);
    assert_eq!(texts(&xml, "hdi_isfolder"), ["true"]);
    assert_eq!(texts(&xml, "Content-Length")[0], "0");
    assert_eq!(service.names("&delimiter=/").await, ["Path A/", "Path A-B", "Path A.txt", "z"]);
    let mut joined = Vec::new();
    let mut marker = String::new();
    loop {
        let xml = service.list(&format!("&maxresults=1&marker={marker}")).await;
        joined.extend(texts(&xml, "Name"));
        match texts(&xml, "NextMarker").pop() {
            Some(next) => marker = next,
            None => break,
        }
    }
    assert_eq!(joined, texts(&xml, "Name"));
    let directory = service.get("docs/Path%20A").await;
    assert_eq!((directory.status().as_u16(), header(&directory, "x-ms-meta-hdi_isfolder")), (200, "true"));
    assert!(directory.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn names_that_xml_cannot_carry_are_encoded_and_said_to_be() {
    let service = Service::new(false).await;
    service.folder.write("a&b <c>", "x");
    service.folder.write("line\nbreak é", "y");
    let xml = service.list("").await;
    assert!(xml.contains("<Name>a&amp;b &lt;c&gt;</Name>"), "{xml}");
    assert!(xml.contains("<Name Encoded=\"true\">line%0Abreak%20%C3%A9</Name>"), "{xml}");
    let response = service.get("docs/line%0Abreak%20%C3%A9").await;
    assert_eq!(response.text().await.unwrap(), "y");
    assert_eq!(service.get("docs/a%26b%20%3Cc%3E").await.text().await.unwrap(), "x");
}

#[tokio::test]
async fn parameters_out_of_range_are_refused() {
    let service = Service::new(false).await;
    let list = "docs?restype=container&comp=list";
    for (query, code) in [
        ("&maxresults=0", "OutOfRangeQueryParameterValue"),
        ("&maxresults=-1", "OutOfRangeQueryParameterValue"),
        ("&maxresults=many", "InvalidQueryParameterValue"),
        ("&marker=made-up", "InvalidQueryParameterValue"),
        ("&include=everything", "InvalidQueryParameterValue"),
        ("&include=snapshots&delimiter=/", "InvalidQueryParameterValue"),
    ] {
        refused(service.get(&format!("{list}{query}")).await, 400, code).await;
    }
}
