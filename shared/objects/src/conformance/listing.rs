//! Listings.

use super::{Ability, Suite, key};
use crate::list::{ListRequest, Page, PageToken, list_all, list_page};
use futures_util::TryStreamExt;

/// Sorted by bytes, and by UTF-16 units too. The characters around `/` matter: they tell a flat
/// order from one that puts folders first.
const NAMES: [&str; 14] =
    ["a", "a b", "a+b", "a-b", "a.b", "a/b", "a/b/c", "a/c", "a0", "b/x", "c", "c/d", "é", "日本/語"];

const FOLDER: &str = "conformance/list/";

/// Those of `names` that the store can hold.
fn held<'n>(suite: &Suite<'_>, names: &[&'n str]) -> Vec<&'n str> {
    names.iter().copied().filter(|name| suite.fixture.holds(&key(&format!("{FOLDER}{name}")))).collect()
}

pub(super) async fn run(suite: &Suite<'_>) {
    for name in held(suite, &NAMES) {
        suite.put(&key(&format!("{FOLDER}{name}")), name).await;
    }
    everything_in_order(suite).await;
    pages_of_every_size(suite).await;
    prefixes(suite).await;
    folders(suite).await;
    if suite.fixture.can(Ability::StartFrom) {
        start_from(suite).await;
    }
    a_token_past_the_end(suite).await;
}

fn request(prefix: &str) -> ListRequest {
    ListRequest { prefix: format!("{FOLDER}{prefix}"), ..ListRequest::default() }
}

fn folder_request(prefix: &str) -> ListRequest {
    ListRequest { delimiter: Some("/".into()), ..request(prefix) }
}

fn names(page: &Page) -> Vec<String> {
    page.objects.iter().map(|meta| inner(meta.key.as_str())).collect()
}

fn inner(name: &str) -> String {
    name.strip_prefix(FOLDER).unwrap_or_else(|| panic!("{name:?} is outside the prefix")).to_owned()
}

async fn pages(suite: &Suite<'_>, request: ListRequest) -> Vec<Page> {
    let what = format!("listing {request:?}");
    list_all(suite.source.clone(), request)
        .try_collect()
        .await
        .unwrap_or_else(|error| panic!("{what}: {error}"))
}

async fn everything_in_order(suite: &Suite<'_>) {
    let pages = pages(suite, request("")).await;
    let listed: Vec<String> = pages.iter().flat_map(names).collect();
    assert_eq!(listed, held(suite, &NAMES), "a listing is complete and in order");
    for meta in pages.iter().flat_map(|page| &page.objects) {
        assert_eq!(meta.size, inner(meta.key.as_str()).len() as u64, "the size of {}", meta.key);
        let head = crate::head(&*suite.source, &meta.key, &Default::default())
            .await
            .expect("head of a listed object");
        assert_eq!(meta.version, head.version, "the listing's version is that of the object, {}", meta.key);
    }
}

async fn pages_of_every_size(suite: &Suite<'_>) {
    let expected = held(suite, &NAMES);
    for size in 1..=expected.len() as u32 + 1 {
        let pages = pages(suite, ListRequest { page_size: Some(size), ..request("") }).await;
        for page in &pages {
            assert!(page.objects.len() <= size as usize, "pages of {size} hold no more");
        }
        let listed: Vec<String> = pages.iter().flat_map(names).collect();
        assert_eq!(listed, expected, "pages of {size} together are the listing");
    }
}

async fn prefixes(suite: &Suite<'_>) {
    for (prefix, expected) in [
        ("a/", &["a/b", "a/b/c", "a/c"][..]),
        ("a/b", &["a/b", "a/b/c"]),
        ("a b", &["a b"]),
        ("a+", &["a+b"]),
        ("日本/", &["日本/語"]),
        ("nothing", &[]),
    ] {
        let page = list_page(&*suite.source, &request(prefix)).await.expect("a listing below a prefix");
        assert_eq!(names(&page), held(suite, expected), "below {prefix:?}");
        assert_eq!(page.next, None, "below {prefix:?} there is one page");
    }
}

async fn folders(suite: &Suite<'_>) {
    let objects = held(suite, &["a", "a b", "a+b", "a-b", "a.b", "a0", "c", "é"]);
    let folders = ["a/", "b/", "c/", "日本/"];
    for size in [None, Some(1), Some(2), Some(5)] {
        let pages = pages(suite, ListRequest { page_size: size, ..folder_request("") }).await;
        let listed: Vec<String> = pages.iter().flat_map(names).collect();
        let folded: Vec<String> =
            pages.iter().flat_map(|page| &page.prefixes).map(|prefix| inner(prefix)).collect();
        assert_eq!(listed, objects, "objects beside folders, pages of {size:?}");
        assert_eq!(folded, folders, "folders, pages of {size:?}");
        if let Some(size) = size {
            assert!(pages.iter().all(|page| page.objects.len() + page.prefixes.len() <= size as usize));
        }
    }
    let page = list_page(&*suite.source, &folder_request("a/")).await.expect("a listing of one folder");
    assert_eq!(names(&page), held(suite, &["a/b", "a/c"]));
    assert_eq!(page.prefixes, [format!("{FOLDER}a/b/")]);
}

async fn start_from(suite: &Suite<'_>) {
    for (from, first) in [("a.b", "a.b"), ("a/bb", "a/c"), ("a1", "b/x")] {
        let request = ListRequest { start_from: Some(format!("{FOLDER}{from}")), ..request("") };
        let listed: Vec<String> = pages(suite, request).await.iter().flat_map(names).collect();
        let expected: Vec<&str> = held(suite, &NAMES).into_iter().skip_while(|name| *name != first).collect();
        assert_eq!(listed, expected, "from {from:?} on");
    }
}

async fn a_token_past_the_end(suite: &Suite<'_>) {
    let last = key(&format!("{FOLDER}tail/3"));
    for name in ["tail/1", "tail/2", "tail/3"] {
        suite.put(&key(&format!("{FOLDER}{name}")), name).await;
    }
    let request = ListRequest { page_size: Some(2), ..request("tail/") };
    let page = list_page(&*suite.source, &request).await.expect("a first page");
    assert_eq!(names(&page), ["tail/1", "tail/2"]);
    let token: PageToken = page.next.expect("a token for the rest");
    suite.fixture.remove(&last).await;
    let page = list_page(&*suite.source, &ListRequest { page_token: Some(token), ..request })
        .await
        .expect("a page past the end");
    assert_eq!(page, Page::default(), "past the end there is an empty page and no further one");
    for name in ["tail/1", "tail/2"] {
        suite.fixture.remove(&key(&format!("{FOLDER}{name}"))).await;
    }
}
