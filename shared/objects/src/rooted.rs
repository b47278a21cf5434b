//! A source seen from below a prefix.

use crate::key::{InvalidKey, Key};
use crate::list::{ListRequest, Page};
use crate::object::{Conditions, ObjectMeta};
use crate::source::{ObjectSource, Opened, ReadRequest};
use carnet_federation::{BoxFuture, Error, Hop, Kind, Result};
use std::sync::Arc;

/// Puts a prefix before every name that goes in and takes it off every name that comes out, so that
/// whoever holds only this cannot name what lies beside it.
pub struct Rooted {
    source: Arc<dyn ObjectSource>,
    /// Empty, or ends with a slash.
    root: String,
}

impl Rooted {
    /// `prefix` is a folder: a slash is put after it if it has none. Empty is the whole container.
    pub fn new(source: Arc<dyn ObjectSource>, prefix: &str) -> Self {
        let mut root = prefix.to_owned();
        if !root.is_empty() && !root.ends_with('/') {
            root.push('/');
        }
        Self { source, root }
    }

    /// The name in the container.
    pub fn join(&self, key: &Key) -> Result<Key, InvalidKey> {
        if self.root.is_empty() { Ok(key.clone()) } else { Key::parse(&format!("{}{key}", self.root)) }
    }

    fn inner_key(&self, key: &Key) -> Result<Key> {
        // Only its length can be wrong now: no such object can exist.
        self.join(key).map_err(|error| {
            Error::new(
                Hop::Read,
                Kind::NotFound,
                self.target(),
                "the name is too long below this place's prefix",
            )
            .caused_by(error)
        })
    }

    fn outer_meta(&self, key: &Key, meta: ObjectMeta) -> ObjectMeta {
        ObjectMeta { key: key.clone(), ..meta }
    }

    fn outer_page(&self, page: Page) -> Result<Page> {
        let mut outer = Page { next: page.next, ..Page::default() };
        for meta in page.objects {
            let name = self.strip(meta.key.as_str())?.to_owned();
            // An object named like the folder itself, as some tools leave behind, is not in it.
            if !name.is_empty() {
                outer.push(&name, |key| ObjectMeta { key, ..meta });
            }
        }
        outer.prefixes = self.strip_all(&page.prefixes)?;
        outer.unaddressable.extend(self.strip_all(&page.unaddressable)?);
        Ok(outer)
    }

    fn strip_all(&self, names: &[String]) -> Result<Vec<String>> {
        names.iter().map(|name| Ok(self.strip(name)?.to_owned())).collect()
    }

    fn strip<'n>(&self, name: &'n str) -> Result<&'n str> {
        name.strip_prefix(self.root.as_str()).ok_or_else(|| {
            Error::new(
                Hop::List,
                Kind::Malformed,
                self.target(),
                "the listing holds names outside the prefix",
            )
        })
    }
}

impl ObjectSource for Rooted {
    fn target(&self) -> &str {
        self.source.target()
    }

    fn list<'a>(&'a self, request: &'a ListRequest) -> BoxFuture<'a, Result<Page>> {
        if self.root.is_empty() {
            return self.source.list(request);
        }
        let inner = ListRequest {
            prefix: format!("{}{}", self.root, request.prefix),
            start_from: request.start_from.as_ref().map(|name| format!("{}{name}", self.root)),
            ..request.clone()
        };
        Box::pin(async move { self.outer_page(self.source.list(&inner).await?) })
    }

    fn head<'a>(&'a self, key: &'a Key, conditions: &'a Conditions) -> BoxFuture<'a, Result<ObjectMeta>> {
        if self.root.is_empty() {
            return self.source.head(key, conditions);
        }
        Box::pin(async move {
            let inner = self.inner_key(key)?;
            Ok(self.outer_meta(key, self.source.head(&inner, conditions).await?))
        })
    }

    fn open<'a>(&'a self, key: &'a Key, request: &'a ReadRequest) -> BoxFuture<'a, Result<Opened>> {
        if self.root.is_empty() {
            return self.source.open(key, request);
        }
        Box::pin(async move {
            let inner = self.inner_key(key)?;
            let opened = self.source.open(&inner, request).await?;
            Ok(Opened { meta: self.outer_meta(key, opened.meta), ..opened })
        })
    }

    fn credential_rejected(&self) {
        self.source.credential_rejected();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Memory, PutOptions};

    fn key(name: &str) -> Key {
        Key::parse(name).unwrap()
    }

    fn memory(names: &[&str]) -> Arc<Memory> {
        let memory = Arc::new(Memory::new());
        for name in names {
            memory.put(&key(name), name.to_string(), PutOptions::default());
        }
        memory
    }

    #[tokio::test]
    async fn only_what_lies_below_the_prefix_is_seen() {
        let rooted = Rooted::new(memory(&["a", "in", "in/", "in/x", "in/y/z", "inner/x"]), "in");
        let request = ListRequest { delimiter: Some("/".into()), ..ListRequest::default() };
        let page = rooted.list(&request).await.unwrap();
        assert_eq!(page.objects.iter().map(|meta| meta.key.as_str()).collect::<Vec<_>>(), ["x"]);
        assert_eq!(page.prefixes, ["y/"]);
        assert_eq!(rooted.head(&key("x"), &Conditions::default()).await.unwrap().key, key("x"));
        let missing = rooted.head(&key("a"), &Conditions::default()).await.unwrap_err();
        assert_eq!(missing.kind(), Kind::NotFound);
    }

    #[tokio::test]
    async fn a_name_too_long_below_the_prefix_names_nothing() {
        let rooted = Rooted::new(memory(&[]), "in");
        let long = key(&"k".repeat(crate::key::MAX_BYTES));
        let error = rooted.open(&long, &ReadRequest::default()).await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
    }

    /// A store that does not keep to the prefix it was given.
    struct Leaky(Memory);

    impl ObjectSource for Leaky {
        fn target(&self) -> &str {
            "leaky"
        }
        fn list<'a>(&'a self, _: &'a ListRequest) -> BoxFuture<'a, Result<Page>> {
            Box::pin(async { self.0.list(&ListRequest::default()).await })
        }
        fn head<'a>(&'a self, key: &'a Key, conditions: &'a Conditions) -> BoxFuture<'a, Result<ObjectMeta>> {
            self.0.head(key, conditions)
        }
        fn open<'a>(&'a self, key: &'a Key, request: &'a ReadRequest) -> BoxFuture<'a, Result<Opened>> {
            self.0.open(key, request)
        }
        fn credential_rejected(&self) {}
    }

    #[tokio::test]
    async fn a_listing_that_leaves_the_prefix_is_refused() {
        let memory = Memory::new();
        memory.put(&key("other/secret"), "no", PutOptions::default());
        let rooted = Rooted::new(Arc::new(Leaky(memory)), "in");
        let error = rooted.list(&ListRequest::default()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Malformed);
        assert!(!error.to_string().contains("secret"));
    }
}
