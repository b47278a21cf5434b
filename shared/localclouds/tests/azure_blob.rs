//! The blob stand-in over sockets: what it lists, what it gives, whom it refuses.

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carnet_localclouds::azure_blob;
use carnet_localclouds::local::Handle;
use carnet_localclouds::server::{self, Listening, Transport};
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE, WWW_AUTHENTICATE,
};
use md5::{Digest as _, Md5};
use reqwest::{Method, RequestBuilder, Response};
use std::sync::LazyLock;
use std::time::SystemTime;
use support::{Folder, client, handle, token, world};

const READER: &str = "99999999-0000-0000-0000-000000000001";

/// Keys take a second to make: all tests share them, each with an account of its own.
static SHARED: LazyLock<Handle> = LazyLock::new(|| handle(world()));

/// An account with a container `docs` over a folder.
struct Service {
    handle: Handle,
    listening: Listening,
    folder: Folder,
    account: String,
    client: reqwest::Client,
}

impl Service {
    async fn new(hierarchical: bool) -> Self {
        let folder = Folder::new();
        let handle = SHARED.clone();
        let account = format!("files{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        let entry = support::account(folder.path(), &[READER], hierarchical);
        handle.world_mut().azure.accounts.insert(account.clone(), entry);
        let router = azure_blob::router(handle.clone());
        let listening = server::serve(router, Transport::Plain).await.unwrap();
        Self { handle, listening, folder, account, client: client() }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{}/{path}", self.listening.base_url, self.account)
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, self.url(path))
            .bearer_auth(token(&self.handle, READER, "https://storage.azure.com"))
            .header("x-ms-version", "2026-04-06")
    }

    async fn get(&self, path: &str) -> Response {
        self.call(Method::GET, path).send().await.unwrap()
    }

    async fn list(&self, query: &str) -> String {
        let response = self.get(&format!("docs?restype=container&comp=list{query}")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/xml");
        response.text().await.unwrap()
    }

    async fn names(&self, query: &str) -> Vec<String> {
        texts(&self.list(query).await, "Name")
    }
}

/// The texts of all elements of a name, in order.
fn texts(xml: &str, tag: &str) -> Vec<String> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    xml.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap().to_owned()).collect()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

async fn refused(response: Response, status: u16, code: &str) -> String {
    assert_eq!((response.status().as_u16(), header(&response, "x-ms-error-code")), (status, code));
    let id = header(&response, "x-ms-request-id").to_owned();
    let body = response.text().await.unwrap();
    assert!(body.contains(&format!("<Code>{code}</Code>")), "{body}");
    assert!(body.contains(&format!("RequestId:{id}")), "{body}");
    body
}

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

#[tokio::test]
async fn a_whole_read_says_everything_about_the_blob() {
    let service = Service::new(false).await;
    service.folder.write("a/hello.txt", "hello world");
    let response =
        service.call(Method::GET, "docs/a/hello.txt").header("x-ms-client-request-id", "mine").send().await;
    let response = response.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-length"), "11");
    assert_eq!(header(&response, "content-type"), "text/plain");
    assert_eq!(header(&response, "content-md5"), STANDARD.encode(Md5::digest(b"hello world")));
    assert!(header(&response, "etag").starts_with("\"0x8D"));
    assert_eq!(header(&response, "x-ms-blob-type"), "BlockBlob");
    assert_eq!(header(&response, "x-ms-version"), "2026-04-06");
    assert_eq!(header(&response, "x-ms-client-request-id"), "mine");
    assert!(!header(&response, "x-ms-request-id").is_empty());
    assert!(!header(&response, "x-ms-creation-time").is_empty());
    assert!(!header(&response, "date").is_empty());
    assert!(header(&response, "server").starts_with("Windows-Azure-Blob/1.0"));
    assert_eq!(response.text().await.unwrap(), "hello world");

    let head = service.call(Method::HEAD, "docs/a/hello.txt").send().await.unwrap();
    assert_eq!((head.status().as_u16(), &head.headers()[CONTENT_LENGTH]), (200, &"11".parse().unwrap()));
    let absent = service.call(Method::HEAD, "docs/absent").send().await.unwrap();
    assert_eq!((absent.status().as_u16(), header(&absent, "x-ms-error-code")), (404, "BlobNotFound"));
    assert!(absent.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn ranges_are_given_clamped_and_refused() {
    let service = Service::new(false).await;
    let bytes: Vec<u8> = (0..3_000_000u32).map(|number| (number % 251) as u8).collect();
    service.folder.write("big", &bytes);
    let whole = STANDARD.encode(Md5::digest(&bytes));
    for (range, expected) in [
        ("bytes=0-0", 0..1),
        ("bytes=5-1048580", 5..1_048_581),
        ("bytes=2999999-", 2_999_999..3_000_000),
        ("bytes=1000000-99999999999999", 1_000_000..3_000_000),
    ] {
        for name in ["range", "x-ms-range"] {
            let response = service.call(Method::GET, "docs/big").header(name, range).send().await.unwrap();
            assert_eq!(response.status(), 206, "{range}");
            let content_range = format!("bytes {}-{}/3000000", expected.start, expected.end - 1);
            assert_eq!(response.headers()[CONTENT_RANGE], content_range);
            assert_eq!(header(&response, "x-ms-blob-content-md5"), whole);
            assert!(!response.headers().contains_key("content-md5"));
            assert_eq!(response.bytes().await.unwrap(), bytes[expected.clone()]);
        }
    }
    let beyond = service.call(Method::GET, "docs/big").header(RANGE, "bytes=3000000-").send().await.unwrap();
    assert_eq!(beyond.headers()[CONTENT_RANGE], "bytes */3000000");
    refused(beyond, 416, "InvalidRange").await;
    let suffix = service.call(Method::GET, "docs/big").header(RANGE, "bytes=-5").send().await.unwrap();
    assert_eq!((suffix.status().as_u16(), suffix.bytes().await.unwrap().len()), (200, 3_000_000));
}

#[tokio::test]
async fn a_range_comes_with_its_own_digest_when_asked() {
    let service = Service::new(false).await;
    service.folder.write("digits", "123456789");
    service.folder.write("big", vec![0; (4 << 20) + 1]);
    let ask = |name: &'static str, range: &'static str, blob: &'static str| {
        service.call(Method::GET, blob).header(name, "true").header(RANGE, range).send()
    };
    let md5 = ask("x-ms-range-get-content-md5", "bytes=0-3", "docs/digits").await.unwrap();
    assert_eq!(header(&md5, "content-md5"), STANDARD.encode(Md5::digest(b"1234")));
    // The check value of CRC-64/NVME.
    let crc = ask("x-ms-range-get-content-crc64", "bytes=0-", "docs/digits").await.unwrap();
    assert_eq!(header(&crc, "x-ms-content-crc64"), STANDARD.encode(0xae8b_1486_0a79_9888_u64.to_le_bytes()));
    let long = ask("x-ms-range-get-content-md5", "bytes=0-", "docs/big").await.unwrap();
    refused(long, 400, "InvalidHeaderValue").await;
    let whole = service.call(Method::GET, "docs/digits").header("x-ms-range-get-content-md5", "true");
    refused(whole.send().await.unwrap(), 400, "InvalidHeaderValue").await;
}

#[tokio::test]
async fn conditions_pin_the_version_that_was_seen() {
    let service = Service::new(false).await;
    service.folder.write("doc", "one");
    let seen = service.get("docs/doc").await;
    let (etag, modified) = (seen.headers()[ETAG].clone(), seen.headers()[LAST_MODIFIED].clone());
    let ask = |name, value: &http::HeaderValue| {
        service.call(Method::GET, "docs/doc").header(name, value.clone()).send()
    };
    assert_eq!(ask(IF_MATCH, &etag).await.unwrap().status(), 200);
    assert_eq!(ask(IF_UNMODIFIED_SINCE, &modified).await.unwrap().status(), 200);
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
        let value = if name == IF_NONE_MATCH { &etag } else { &modified };
        let response = ask(name, value).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), header(&response, "x-ms-error-code")),
            (304, "ConditionNotMet")
        );
        assert!(response.bytes().await.unwrap().is_empty());
    }
    service.folder.write("doc", "two");
    let changed = service.get("docs/doc").await;
    assert_ne!(changed.headers()[ETAG], etag);
    assert_eq!(header(&changed, "content-md5"), STANDARD.encode(Md5::digest(b"two")));
    refused(ask(IF_MATCH, &etag).await.unwrap(), 412, "ConditionNotMet").await;
    assert_eq!(ask(IF_NONE_MATCH, &etag).await.unwrap().status(), 200);
    let long_ago = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH).parse().unwrap();
    refused(ask(IF_UNMODIFIED_SINCE, &long_ago).await.unwrap(), 412, "ConditionNotMet").await;
}

#[tokio::test]
async fn a_sidecar_states_properties_and_is_no_blob() {
    let service = Service::new(false).await;
    for name in ["page", "unhashed", "wrong"] {
        service.folder.write(name, "hello");
    }
    service.folder.write(
        azure_blob::SIDECAR,
        r#"{"page": {"content_type": "text/html", "cache_control": "max-age=60", "content_encoding": "identity",
                     "content_md5": "auto", "metadata": {"owner": "me"}},
            "unhashed": {"content_md5": null}, "wrong": {"content_md5": "AAAAAAAAAAAAAAAAAAAAAA=="}}"#,
    );
    let page = service.get("docs/page").await;
    for (name, value) in [
        ("content-type", "text/html"),
        ("cache-control", "max-age=60"),
        ("content-encoding", "identity"),
        ("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="),
        ("x-ms-meta-owner", "me"),
    ] {
        assert_eq!(header(&page, name), value);
    }
    assert!(!service.get("docs/unhashed").await.headers().contains_key("content-md5"));
    assert_eq!(header(&service.get("docs/wrong").await, "content-md5"), "AAAAAAAAAAAAAAAAAAAAAA==");
    let xml = service.list("&include=metadata").await;
    assert_eq!(texts(&xml, "Name"), ["page", "unhashed", "wrong"]);
    assert_eq!(texts(&xml, "owner"), ["me"]);
    assert_eq!(texts(&service.list("").await, "owner"), Vec::<String>::new());
    refused(service.get(&format!("docs/{}", azure_blob::SIDECAR)).await, 404, "BlobNotFound").await;
}

#[tokio::test]
async fn nothing_outside_the_folder_is_reachable() {
    let service = Service::new(false).await;
    let outside = Folder::new();
    outside.write("secret", "no");
    service.folder.write("dir/in", "yes");
    std::os::unix::fs::symlink(outside.join("secret"), service.folder.join("file-link")).unwrap();
    std::os::unix::fs::symlink(outside.path(), service.folder.join("dir-link")).unwrap();
    let absolute = outside.join("secret").display().to_string().replace('/', "%2F");
    for blob in
        ["file-link", "dir-link/secret", "dir-link", "dir", "dir/", "dir//in", "/dir/in", absolute.as_str()]
    {
        refused(service.get(&format!("docs/{blob}")).await, 404, "BlobNotFound").await;
    }
    let name = outside.path().file_name().unwrap().to_str().unwrap().to_owned();
    for blob in [
        format!("%2e%2e%2F{name}%2Fsecret"),
        format!("dir%2F..%2F..%2F{name}%2Fsecret"),
        "dir%2F.%2Fin".into(),
    ] {
        refused(service.get(&format!("docs/{blob}")).await, 400, "InvalidUri").await;
    }
    refused(service.get("docs/%ff").await, 400, "InvalidUri").await;
    assert_eq!(service.names("").await, ["dir/in"]);
}

#[tokio::test]
async fn who_has_no_valid_token_is_told_where_to_get_one() {
    let service = Service::new(false).await;
    service.folder.write("doc", "x");
    let url = service.url("docs/doc");
    let challenge = format!(
        "Bearer authorization_uri=https://127.0.0.1:1/{}/oauth2/authorize resource_id=https://storage.azure.com",
        support::TENANT
    );
    let bare = client().get(&url).header("x-ms-version", "2026-04-06").send().await.unwrap();
    assert_eq!(bare.headers()[WWW_AUTHENTICATE], challenge);
    refused(bare, 401, "NoAuthenticationInformation").await;

    let vault = token(&service.handle, READER, "https://vault.azure.net");
    let other =
        client().get(&url).header("x-ms-version", "2026-04-06").bearer_auth(vault).send().await.unwrap();
    assert_eq!(other.headers()[WWW_AUTHENTICATE], challenge);
    let body = refused(other, 401, "InvalidAuthenticationInfo").await;
    assert!(body.contains("Audience validation failed. Audience did not match."), "{body}");

    let good = token(&service.handle, READER, "https://storage.azure.com");
    let forged = format!("{}AAAA", &good[..good.len() - 4]);
    let forged =
        client().get(&url).header("x-ms-version", "2026-04-06").bearer_auth(forged).send().await.unwrap();
    refused(forged, 401, "InvalidAuthenticationInfo").await;

    let unversioned = client().get(&url).bearer_auth(&good).send().await.unwrap();
    let body = refused(unversioned, 403, "AuthenticationFailed").await;
    assert!(body.contains("Authentication scheme Bearer is not supported in this version."), "{body}");
    let odd = client().get(&url).bearer_auth(&good).header("x-ms-version", "latest").send().await.unwrap();
    refused(odd, 400, "InvalidHeaderValue").await;
    let own = token(&service.handle, READER, &format!("https://{}.blob.core.windows.net", service.account));
    let own = client().get(&url).bearer_auth(own).header("x-ms-version", "2026-04-06").send().await.unwrap();
    assert_eq!(own.status(), 200);
}

#[tokio::test]
async fn the_data_role_and_the_firewall_decide() {
    let service = Service::new(false).await;
    service.folder.write("doc", "x");
    refused(service.get("docs/absent").await, 404, "BlobNotFound").await;
    refused(service.get("absent/doc").await, 404, "ContainerNotFound").await;
    let elsewhere = service.url("docs/doc").replace(&service.account, "nosuchaccount");
    let elsewhere =
        client().get(elsewhere).bearer_auth(token(&service.handle, READER, "https://storage.azure.com"));
    refused(elsewhere.header("x-ms-version", "2026-04-06").send().await.unwrap(), 404, "ResourceNotFound")
        .await;
    refused(service.get("?comp=list").await, 403, "AuthorizationPermissionMismatch").await;
    for method in [Method::PUT, Method::DELETE, Method::POST, Method::PATCH] {
        let write = service.call(method, "docs/doc").send().await.unwrap();
        refused(write, 403, "AuthorizationPermissionMismatch").await;
    }
    assert!(service.folder.join("doc").exists());

    let stranger =
        token(&service.handle, "99999999-0000-0000-0000-00000000000f", "https://storage.azure.com");
    for path in ["docs/doc", "docs?restype=container&comp=list", "absent/doc"] {
        let url = service.url(path);
        let call = client().get(url).bearer_auth(&stranger).header("x-ms-version", "2026-04-06");
        refused(call.send().await.unwrap(), 403, "AuthorizationPermissionMismatch").await;
    }
    service.handle.world_mut().azure.accounts.get_mut(&service.account).unwrap().firewalled = true;
    refused(service.get("docs/doc").await, 403, "AuthorizationFailure").await;
}
