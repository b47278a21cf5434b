//! Listings.

use crate::client::{S3, start};

async fn fill(s3: &S3) {
    for name in ["B", "a", "a%20b", "a/b", "a/c/d", "b", "%C3%BC"] {
        s3.put(&format!("/{name}"), "x").await.ok();
    }
}

/// The texts of every element of this name.
fn all(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open).skip(1).filter_map(|rest| Some(rest.split_once(&close)?.0.to_owned())).collect()
}

#[tokio::test]
async fn names_are_sorted_by_their_bytes_and_folded_by_the_delimiter() {
    let s3 = start().await;
    fill(&s3).await;
    let xml = s3.get("?list-type=2").await.ok().body;
    assert_eq!(all(&xml, "Key"), ["B", "a", "a b", "a/b", "a/c/d", "b", "ü"]);
    let xml = s3.get("?delimiter=%2F&list-type=2").await.ok().body;
    assert_eq!(all(&xml, "Key"), ["B", "a", "a b", "b", "ü"]);
    assert!(xml.contains("<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>"), "{xml}");
    let xml = s3.get("?list-type=2&prefix=a%2F&delimiter=%2F").await.ok().body;
    assert_eq!(all(&xml, "Key"), ["a/b"]);
    let xml = s3.get("?encoding-type=url&list-type=2&prefix=%C3%BC").await.ok().body;
    assert_eq!(all(&xml, "Key"), ["%C3%BC"]);
    let xml = s3.get("?encoding-type=url&list-type=2&prefix=a%20").await.ok().body;
    assert_eq!(all(&xml, "Key"), ["a+b"], "as form fields are");
}

#[tokio::test]
async fn pages_follow_each_other() {
    let s3 = start().await;
    fill(&s3).await;
    for (query, names) in [
        ("", vec!["B", "a", "a b", "a/b", "a/c/d", "b", "ü"]),
        ("&delimiter=%2F", vec!["B", "a", "a b", "a/", "b", "ü"]),
        ("&start-after=a", vec!["a b", "a/b", "a/c/d", "b", "ü"]),
    ] {
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let xml = s3.get(&format!("?list-type=2&max-keys=1{query}{token}")).await.ok().body;
            let prefixes = all(&xml, "CommonPrefixes").into_iter().flat_map(|inner| all(&inner, "Prefix"));
            found.extend(all(&xml, "Key").into_iter().chain(prefixes));
            match all(&xml, "NextContinuationToken").first() {
                Some(next) => {
                    token = format!(
                        "&continuation-token={}",
                        next.replace('=', "%3D").replace('+', "%2B").replace('/', "%2F")
                    )
                }
                None => break,
            }
        }
        assert_eq!(found, names, "{query}");
    }
    let refused = s3.get("?list-type=2&continuation-token=%3F").await;
    assert_eq!(refused.code(), (400, "InvalidArgument".into()));
}
