//! The address, the operation and the parameters of a call.

use super::access::Permission;
use super::error::StorageError;
use http::request::Parts;
use http::{Method, Uri};
use percent_encoding::percent_decode_str;

pub(crate) struct Call {
    /// Empty for calls on no bucket.
    pub bucket: String,
    pub operation: Operation,
    /// Decoded; the last of several equal names wins.
    query: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Objects: list
    List,
    /// Objects: get
    Get { name: String },
    /// Objects: get, with `alt=media`
    Media { name: String },
    /// Anything else, which needs a permission that a reader does not have.
    Other(Permission),
}

impl Call {
    pub(crate) fn parse(parts: &Parts) -> Result<Self, StorageError> {
        let path = parts.uri.path();
        let (path, upload) = match path.strip_prefix("/upload") {
            Some(rest) => (rest, true),
            None => (path.strip_prefix("/download").unwrap_or(path), false),
        };
        let rest = path.strip_prefix("/storage/v1/b").ok_or_else(StorageError::no_such_url)?;
        // An object's name is one segment: its slashes are encoded.
        let segments: Vec<String> =
            rest.split('/').skip(1).map(decoded).collect::<Result<_, StorageError>>()?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if !rest.is_empty() && !rest.starts_with('/') {
            return Err(StorageError::no_such_url());
        }
        let operation = operation(&parts.method, &segments, upload, is_media(&parts.uri))?;
        let bucket = segments.first().copied().unwrap_or_default().to_owned();
        Ok(Self { bucket, operation, query: query(&parts.uri) })
    }

    /// A parameter that is given and not empty.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let value = self.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, StorageError> {
        let number = |text: &str| text.parse().map_err(|_| StorageError::invalid_number(name, text));
        self.parameter(name).map(number).transpose()
    }
}

/// Whether the bytes are asked for, and not what is known of them.
pub(crate) fn is_media(uri: &Uri) -> bool {
    query(uri).iter().rev().find(|(key, _)| key == "alt").is_some_and(|(_, value)| value == "media")
}

fn query(uri: &Uri) -> Vec<(String, String)> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

fn decoded(segment: &str) -> Result<String, StorageError> {
    match percent_decode_str(segment).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(StorageError::invalid_name()),
    }
}

fn operation(
    method: &Method,
    segments: &[&str],
    upload: bool,
    media: bool,
) -> Result<Operation, StorageError> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let other = |permission| Ok(Operation::Other(permission));
    match segments {
        [] if reads => other(Permission::ListBuckets),
        [] => other(Permission::CreateBucket),
        [bucket] if !bucket.is_empty() && reads => other(Permission::GetBucket),
        [bucket] if !bucket.is_empty() => other(Permission::ChangeBucket),
        [_, "o"] if reads && !upload => Ok(Operation::List),
        [_, "o"] => other(Permission::CreateObject),
        [_, "o", name] if !name.is_empty() && !upload => match *method {
            Method::GET | Method::HEAD if media => Ok(Operation::Media { name: (*name).to_owned() }),
            Method::GET | Method::HEAD => Ok(Operation::Get { name: (*name).to_owned() }),
            Method::DELETE => other(Permission::DeleteObject),
            Method::PUT | Method::PATCH => other(Permission::UpdateObject),
            Method::POST => other(Permission::CreateObject),
            _ => Err(StorageError::no_such_url()),
        },
        // Copies, rewrites and compositions.
        [_, "o", _, ..] if *method == Method::POST => other(Permission::CreateObject),
        _ => Err(StorageError::no_such_url()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: Method, uri: &str) -> Option<Operation> {
        let request = http::Request::builder().method(method).uri(uri).body(()).unwrap();
        Call::parse(&request.into_parts().0).ok().map(|call| call.operation)
    }

    #[test]
    fn an_objects_name_is_one_encoded_segment() {
        let name = |name: &str| Some(Operation::Get { name: name.to_owned() });
        assert_eq!(parse(Method::GET, "/storage/v1/b/box/o/a%2Fb%20c%2520"), name("a/b c%20"));
        assert_eq!(parse(Method::GET, "/download/storage/v1/b/box/o/a+b"), name("a+b"));
        let media = Some(Operation::Media { name: "a".into() });
        assert_eq!(parse(Method::GET, "/storage/v1/b/box/o/a?alt=media"), media);
        assert_eq!(parse(Method::GET, "/storage/v1/b/box/o"), Some(Operation::List));
        for none in
            ["/storage/v1/b/box/o/a/b", "/storage/v1/b/box/o/", "/storage/v2/b", "/storage/v1/box", "/b/o"]
        {
            assert_eq!(parse(Method::GET, none), None, "{none}");
        }
        assert_eq!(parse(Method::GET, "/storage/v1/b/box/o/%ff"), None);
    }

    #[test]
    fn what_a_reader_may_not_do_names_the_permission() {
        for (method, uri, permission) in [
            (Method::GET, "/storage/v1/b?project=x", Permission::ListBuckets),
            (Method::GET, "/storage/v1/b/box", Permission::GetBucket),
            (Method::POST, "/upload/storage/v1/b/box/o?name=x", Permission::CreateObject),
            (Method::POST, "/storage/v1/b/box/o/a/rewriteTo/b/box/o/c", Permission::CreateObject),
            (Method::DELETE, "/storage/v1/b/box/o/a", Permission::DeleteObject),
            (Method::PATCH, "/storage/v1/b/box/o/a", Permission::UpdateObject),
        ] {
            assert_eq!(parse(method, uri), Some(Operation::Other(permission)), "{uri}");
        }
    }
}
