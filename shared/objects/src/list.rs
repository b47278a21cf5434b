//! Listing: a page at a time, or all pages as a stream.

use crate::attempt::attempt;
use crate::key::Key;
use crate::object::ObjectMeta;
use crate::source::ObjectSource;
use carnet_federation::{Error, Hop, Kind, Result};
use futures_util::{Stream, stream};
use std::sync::Arc;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// Only names that begin with this.
    pub prefix: String,
    /// Names that go on past this are folded into [`Page::prefixes`].
    pub delimiter: Option<String>,
    /// At most so many objects and prefixes together; the store's own maximum caps it.
    pub page_size: Option<u32>,
    /// Where the last page ended.
    pub page_token: Option<PageToken>,
    /// Only names from this one on, in the store's order.
    pub start_from: Option<String>,
}

/// Names sorted as the store sorts them: by bytes, but for Azure's hierarchical-namespace accounts,
/// which put `/` first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub objects: Vec<ObjectMeta>,
    /// Each ends with the delimiter.
    pub prefixes: Vec<String>,
    /// Names that the store holds but [`Key::parse`](crate::Key::parse) refuses. Who derives deletes from a listing
    /// must take these objects for present.
    pub unaddressable: Vec<String>,
    pub next: Option<PageToken>,
}

/// The store's own; opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken(String);

impl PageToken {
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ListRequest {
    /// A store refuses a page token that it did not give with 400; as everyone else who asks for what
    /// lies outside a thing, its caller is told so.
    #[cfg_attr(not(any(feature = "azure", feature = "google")), allow(dead_code))]
    pub(crate) fn refused(&self, error: Error) -> Error {
        if self.page_token.is_none() || error.status() != Some(400) {
            return error;
        }
        let code = error.code().unwrap_or("400").to_owned();
        Error::new(error.hop(), Kind::OutOfRange, error.target(), "the page token is none of this listing's")
            .with_status(400)
            .with_code(code)
            .with_request_id(error.request_id().map(str::to_owned))
    }
}

impl Page {
    /// Sorts a name of the store's into the page: an object if it can be asked for.
    pub(crate) fn push(&mut self, name: &str, meta: impl FnOnce(Key) -> ObjectMeta) {
        match Key::parse(name) {
            Ok(key) => self.objects.push(meta(key)),
            Err(_) => self.unaddressable.push(name.to_owned()),
        }
    }
}

/// One page, tried again as its failures allow.
pub async fn list_page(source: &dyn ObjectSource, request: &ListRequest) -> Result<Page> {
    attempt(source, Hop::List, || source.list(request)).await
}

/// All pages from where `request` begins, one in memory at a time.
pub fn list_all(
    source: Arc<dyn ObjectSource>,
    request: ListRequest,
) -> impl Stream<Item = Result<Page>> + Send {
    stream::try_unfold(Some(request), move |request| {
        let source = source.clone();
        async move {
            let Some(mut request) = request else { return Ok(None) };
            let page = list_page(&*source, &request).await?;
            let next = match &page.next {
                // A store that sends its reader in a circle would list for ever.
                Some(token) if request.page_token.as_ref() == Some(token) => {
                    return Err(Error::new(
                        Hop::List,
                        Kind::Malformed,
                        source.target(),
                        "the listing's next page is the same page again",
                    ));
                }
                Some(token) => {
                    request.page_token = Some(token.clone());
                    Some(request)
                }
                None => None,
            };
            Ok(Some((page, next)))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Conditions;
    use crate::source::{Opened, ReadRequest};
    use carnet_federation::BoxFuture;
    use futures_util::TryStreamExt;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Every page's next page has this token.
    struct Circle(AtomicUsize);

    impl ObjectSource for Circle {
        fn target(&self) -> &str {
            "circle"
        }
        fn list<'a>(&'a self, _: &'a ListRequest) -> BoxFuture<'a, Result<Page>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(Page { next: Some(PageToken::new("again")), ..Page::default() }) })
        }
        fn head<'a>(&'a self, _: &'a Key, _: &'a Conditions) -> BoxFuture<'a, Result<ObjectMeta>> {
            unreachable!("nothing here heads")
        }
        fn open<'a>(&'a self, _: &'a Key, _: &'a ReadRequest) -> BoxFuture<'a, Result<Opened>> {
            unreachable!("nothing here opens")
        }
        fn credential_rejected(&self) {}
    }

    #[tokio::test]
    async fn a_store_that_goes_in_a_circle_is_not_followed() {
        let circle = Arc::new(Circle(AtomicUsize::new(0)));
        let pages: Result<Vec<Page>> = list_all(circle.clone(), ListRequest::default()).try_collect().await;
        assert_eq!(pages.unwrap_err().kind(), Kind::Malformed);
        assert_eq!(circle.0.load(Ordering::Relaxed), 2);
    }
}
