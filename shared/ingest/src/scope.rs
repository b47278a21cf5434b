//! What events may name.

use crate::hint::Hint;
use crate::message::{ListObject, malformed};
use carnet_federation::config::{Env, Faults};
use carnet_federation::{Error, Hop, Kind, Result, hints};
use carnet_objects::{Key, PlaceUrl};

/// The place whose objects are copied, `CARNET_SYNC_SOURCE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    place: PlaceUrl,
}

impl Scope {
    pub fn new(place: PlaceUrl) -> Self {
        Self { place }
    }

    /// The object's name below the place. An object that lies elsewhere is refused: whoever may send
    /// events may not choose what is copied.
    pub fn key(&self, hint: &Hint) -> Result<Key> {
        let name = match is_in(&hint.store, &self.place) {
            true => hint.name.strip_prefix(self.place.prefix()).filter(|name| !name.is_empty()),
            false => None,
        };
        let Some(name) = name else {
            let message = format!("the object is not below {}", self.place);
            return Err(Error::new(Hop::Receive, Kind::Forbidden, "message", message)
                .with_presented(hint.to_string())
                .with_hint(&hints::EVENT_OUTSIDE));
        };
        Key::parse(name).map_err(|why| malformed(format!("{hint}: {why}")))
    }
}

/// Whether it is the container or bucket of the place.
fn is_in(store: &PlaceUrl, place: &PlaceUrl) -> bool {
    match (store, place) {
        (
            PlaceUrl::Azure { account: a, container: c, .. },
            PlaceUrl::Azure { account: b, container: d, .. },
        ) => a == b && c == d,
        (PlaceUrl::Google { bucket: a, .. }, PlaceUrl::Google { bucket: b, .. }) => a == b,
        _ => false,
    }
}

/// Where lists may lie, `CARNET_INGEST_INBOX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbox {
    bucket: String,
    prefix: String,
}

impl Inbox {
    const NAME: &str = "CARNET_INGEST_INBOX";

    /// It must lie in the destination's bucket, which is the only one that this function may read, and
    /// beside what is copied into it: a copy is no list.
    pub fn read(env: &Env, destination: Option<&PlaceUrl>, faults: &mut Faults) -> Option<Self> {
        let text = env.get(Self::NAME)?;
        let Ok(PlaceUrl::S3 { bucket, prefix }) = PlaceUrl::parse(text) else {
            faults.add(Self::NAME, "is not s3://bucket/prefix");
            return None;
        };
        if prefix.is_empty() {
            faults.add(Self::NAME, "needs a folder of its own: s3://bucket/prefix");
            return None;
        }
        if let Some(PlaceUrl::S3 { bucket: other, prefix: copies }) = destination {
            if *other != bucket {
                faults.add(Self::NAME, "is not in the bucket of CARNET_SYNC_DESTINATION");
                return None;
            }
            if prefix.starts_with(copies) || copies.starts_with(&prefix) {
                faults.add(Self::NAME, "overlaps CARNET_SYNC_DESTINATION: copies would be taken for lists");
                return None;
            }
        }
        Some(Self { bucket, prefix })
    }

    /// The list's key, if it lies in the inbox.
    pub fn key(inbox: Option<&Self>, list: &ListObject) -> Result<Key> {
        let named = format!("s3://{}/{}", list.bucket, list.key);
        let refused = |message: String| {
            Error::new(Hop::Receive, Kind::Forbidden, "message", message)
                .with_presented(named.clone())
                .with_hint(&hints::LIST_REFUSED)
        };
        let Some(inbox) = inbox else {
            return Err(refused("no list is taken: CARNET_INGEST_INBOX is not set".to_owned()));
        };
        let in_inbox = list.bucket == inbox.bucket
            && list.key.strip_prefix(inbox.prefix.as_str()).is_some_and(|name| !name.is_empty());
        if !in_inbox {
            return Err(refused(format!("the list is not in s3://{}/{}", inbox.bucket, inbox.prefix)));
        }
        Key::parse(&list.key).map_err(|why| malformed(format!("{named}: {why}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hint::{What, parse_url};
    use carnet_federation::config::gather;

    fn hint(url: &str) -> Hint {
        let (store, name) = parse_url(url).unwrap();
        Hint { store, name, what: What::Changed, id: "1".into(), time: None }
    }

    #[test]
    fn only_what_lies_below_the_source_is_named() {
        let scope = Scope::new(PlaceUrl::parse("gs://bucket/in").unwrap());
        assert_eq!(scope.key(&hint("gs://bucket/in/a/b")).unwrap().as_str(), "a/b");
        for outside in [
            "gs://bucket/a",
            "gs://bucket/in/",
            "gs://bucket/inner/a",
            "gs://other/in/a",
            "azure://bucket/box/in/a",
        ] {
            let error = scope.key(&hint(outside)).unwrap_err();
            assert_eq!((error.kind(), error.hint().unwrap().anchor), (Kind::Forbidden, "event-outside"));
        }
        let error = scope.key(&hint("gs://bucket/in/../secret")).unwrap_err();
        assert_eq!(error.kind(), Kind::Malformed);
        let azure = Scope::new(PlaceUrl::parse("azure://account/box").unwrap());
        assert_eq!(azure.key(&hint("azure://account/box/a b")).unwrap().as_str(), "a b");
        assert!(azure.key(&hint("azure://account/other/a")).is_err());
    }

    #[test]
    fn lists_lie_in_the_inbox_beside_the_copies() {
        let read = |inbox: &str, to: &str| {
            let env: Env = [("CARNET_INGEST_INBOX", inbox)].into_iter().collect();
            let to = PlaceUrl::parse(to).unwrap();
            gather(|faults| Some(Inbox::read(&env, Some(&to), faults)))
        };
        let inbox = read("s3://bucket/lists", "s3://bucket/copies").unwrap();
        let list =
            |bucket: &str, key: &str| ListObject { bucket: bucket.into(), key: key.into(), from: None };
        assert_eq!(
            Inbox::key(inbox.as_ref(), &list("bucket", "lists/a.txt")).unwrap().as_str(),
            "lists/a.txt"
        );
        for (bucket, key) in
            [("bucket", "copies/a"), ("other", "lists/a"), ("bucket", "lists/"), ("bucket", "lists")]
        {
            assert_eq!(Inbox::key(inbox.as_ref(), &list(bucket, key)).unwrap_err().kind(), Kind::Forbidden);
        }
        assert_eq!(Inbox::key(None, &list("bucket", "lists/a")).unwrap_err().kind(), Kind::Forbidden);
        for (inbox, to) in [
            ("gs://bucket/lists", "s3://bucket/copies"),
            ("s3://bucket", "s3://bucket/copies"),
            ("s3://other/lists", "s3://bucket/copies"),
            ("s3://bucket/lists", "s3://bucket"),
            ("s3://bucket/copies/lists", "s3://bucket/copies"),
        ] {
            assert!(read(inbox, to).unwrap_err().message().contains("CARNET_INGEST_INBOX"), "{inbox}");
        }
    }
}
