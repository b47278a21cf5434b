//! Listings.

use super::{SinkAbility, Suite, key};
use crate::sink::SinkListRequest;

const PREFIX: &str = "conformance/listed/";

/// In the order of their bytes, which is no dictionary's.
const NAMES: [&str; 8] = ["B", "a", "a b", "a-b", "a/b", "a/c/d", "b", "ü"];

pub(super) async fn run(suite: &Suite<'_>) {
    for name in NAMES.iter().rev() {
        if suite.can(SinkAbility::AnyName) || *name != "a" {
            suite.put(&key(&format!("{PREFIX}{name}")), *name).await;
        }
    }
    for page_size in [None, Some(1), Some(3), Some(1000)] {
        let request = SinkListRequest { prefix: PREFIX.into(), page_size, ..Default::default() };
        assert_eq!(all(suite, request).await, expected(suite, ""), "pages of {page_size:?}");
    }
    if suite.can(SinkAbility::StartAfter) {
        for after in ["", "A", "B", "a", "a!", "a/b", "a/c", "ü", "\u{10ffff}"] {
            for page_size in [None, Some(2)] {
                let start_after = Some(format!("{PREFIX}{after}"));
                let request =
                    SinkListRequest { prefix: PREFIX.into(), start_after, page_size, ..Default::default() };
                assert_eq!(all(suite, request).await, expected(suite, after), "after {after:?}");
            }
        }
    }
    let none = SinkListRequest { prefix: format!("{PREFIX}nothing/"), ..Default::default() };
    assert_eq!(all(suite, none).await, [] as [String; 0]);
}

fn expected(suite: &Suite<'_>, after: &str) -> Vec<String> {
    let there = |name: &&str| suite.can(SinkAbility::AnyName) || *name != "a";
    let names = NAMES.into_iter().filter(there).filter(|name| *name > after);
    names.map(|name| format!("{PREFIX}{name}")).collect()
}

async fn all(suite: &Suite<'_>, mut request: SinkListRequest) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let page = suite.sink.list(&request).await.expect("a page");
        assert_eq!(page.unaddressable, [] as [String; 0]);
        assert!(page.objects.len() <= request.page_size.unwrap_or(1000) as usize, "a page's size");
        for entry in page.objects {
            let name = entry.key.as_str().strip_prefix(PREFIX).expect("a name below the prefix");
            assert_eq!(entry.size, name.len() as u64, "{name}");
            found.push(entry.key.as_str().to_owned());
        }
        match page.next {
            Some(token) => request.page_token = Some(token),
            None => return found,
        }
    }
}
