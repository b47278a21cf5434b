//! The API, as one of its callers: each place of each function.

use crate::aws::{self, Aws, Request};
use crate::digest::Running;
use crate::failure::Failure;
use crate::report::{Check, Report, Stopped, check};
use crate::target::{Reading, Target};
use carnet_objects::Digests;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG};
use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::Value;
use std::time::SystemTime;

pub const CHECKS: [Check; 8] = [UNSIGNED, LIST, HEAD, RANGED, WHOLE, NOT_MODIFIED, NOT_FOUND, REFUSED_NAMES];
/// Those that need an object.
const OF_OBJECT: [Check; 4] = [HEAD, RANGED, WHOLE, NOT_MODIFIED];

const UNSIGNED: Check = check("unsigned", "GET without a signature: 403");
const LIST: Check = check("list", "GET of one page: 200");
const HEAD: Check = check("head", "HEAD of an object: 200, its version and size");
const RANGED: Check = check("range", "GET of its first 64 KiB: 206");
const WHOLE: Check = check("whole", "GET of all of it: 200, its length and digest");
const NOT_MODIFIED: Check = check("not-modified", "GET with If-None-Match: 304");
const NOT_FOUND: Check = check("not-found", "GET of a name that is not there: 404");
const REFUSED_NAMES: Check = check("refused-names", "GET of ..%2F and %252e%252e%2F: 400");

/// Names on the one page that is asked for: the smallest of them is read.
const PAGE: u32 = 10;
/// The most that a range asks for.
pub const RANGE: u64 = 64 << 10;
/// A larger object is read whole only if it is named.
const LARGEST: u64 = 1 << 20;
/// The most that the API streams ("Lambda quotas").
const LONGEST: u64 = 200_000_000;

/// As one segment of a path, slashes kept.
const SEGMENTS: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// An object as the listing shows it.
#[derive(Clone, Deserialize)]
pub struct Object {
    pub key: String,
    pub size: u64,
    pub etag: String,
    pub md5: Option<String>,
    pub crc32c: Option<String>,
}

/// An object that was read whole.
pub struct Whole {
    pub place: String,
    pub object: Object,
    pub digests: Digests,
}

/// The most that is read of a place, in words.
pub fn reads(place: &Reading<'_>) -> String {
    match place.wanted {
        Some(key) => format!("one name, and of {key} its first 64 KiB and the whole"),
        None => format!(
            "{PAGE} names, and of the smallest object among them the first 64 KiB, and the whole if that is 1 MiB at most"
        ),
    }
}

/// What is read of a listing: the object that was named, else the smallest with bytes in it.
pub fn choose(objects: Vec<Object>, named: Option<&str>) -> Result<Option<Object>, Failure> {
    let mut objects = objects.into_iter();
    let Some(key) = named else {
        return Ok(objects.filter(|object| object.size > 0).min_by_key(|object| object.size));
    };
    objects.find(|object| object.key == key).map(Some).ok_or_else(|| {
        Failure::new("list", "not_found", "the object that --object names is not there").field("key", key)
    })
}

pub async fn run(target: &Target, aws: &Aws, report: &mut Report) -> Vec<Whole> {
    let mut read = Vec::new();
    for function in target.functions() {
        for place in &function.places {
            let subject = place.subject();
            let Some(api) = target.api(function.name) else {
                let why = "no --api URL; the stack's output ApiUrl is it";
                report.not_run(&subject, &CHECKS, why);
                continue;
            };
            let door = Door { aws, place, url: format!("{api}/{}", place.route()) };
            read.extend(door.check(&subject, report).await);
        }
    }
    read
}

struct Door<'d> {
    aws: &'d Aws,
    place: &'d Reading<'d>,
    url: String,
}

impl Door<'_> {
    async fn check(&self, subject: &str, report: &mut Report) -> Option<Whole> {
        report.ask(subject, UNSIGNED, self.unsigned()).await;
        let listed = report.ask(subject, LIST, self.list()).await;
        let whole = match listed {
            None => {
                report.not_run(subject, &OF_OBJECT, "no object was listed");
                None
            }
            Some(None) => {
                report.not_run(
                    subject,
                    &OF_OBJECT,
                    "the page holds no object with bytes in it; --object names one",
                );
                None
            }
            Some(Some(object)) => {
                report.found(format!("{}, {} bytes", object.key, object.size));
                self.check_object(subject, &object, report).await
            }
        };
        report.ask(subject, NOT_FOUND, self.not_found()).await;
        report.ask(subject, REFUSED_NAMES, self.refused_names()).await;
        whole
    }

    async fn check_object(&self, subject: &str, object: &Object, report: &mut Report) -> Option<Whole> {
        report.ask(subject, HEAD, self.head(object)).await;
        report.ask(subject, RANGED, self.range(object)).await;
        let digests = report.ask(subject, WHOLE, self.whole(object)).await;
        if digests.is_some() {
            let checked = object.crc32c.as_ref().map(|_| "CRC32C").or(object.md5.as_ref().map(|_| "MD5"));
            report.found(match checked {
                Some(digest) => format!("{} bytes with the {digest} that the store keeps", object.size),
                None => format!("{} bytes; the store keeps no digest of it", object.size),
            });
        }
        report.ask(subject, NOT_MODIFIED, self.not_modified(object)).await;
        digests.map(|digests| Whole { place: self.place.place.to_owned(), object: object.clone(), digests })
    }

    async fn unsigned(&self) -> Result<(), Failure> {
        let url = format!("{}?page_size=1", self.url);
        let request = Request { method: Method::GET, url: &url, headers: &[], body: b"" };
        let response = self.aws.send_unsigned(&request).await.map_err(at_api)?;
        if response.status().is_success() {
            return Err(Failure::new("api", "forbidden", "a call without a signature was answered")
                .at(&self.url)
                .field("authorization", "nothing")
                .change("have the API demand AWS_IAM of every method, as template.yaml does"));
        }
        self.expect(response, 403).await.map(drop)
    }

    /// One page; the object that the other checks read, if it holds one.
    async fn list(&self) -> Result<Option<Object>, Failure> {
        #[derive(Deserialize)]
        struct Page {
            objects: Vec<Object>,
        }
        let query = match self.place.wanted {
            // A name is the first of those that begin with it.
            Some(key) => format!("prefix={}&page_size=1", encoded(key).replace('/', "%2F")),
            None => format!("page_size={PAGE}"),
        };
        let response = self.get(&format!("{}?{query}", self.url), &[]).await?;
        let page = aws::json(self.expect(response, 200).await?).await.map_err(at_api)?;
        let page: Page = serde_json::from_value(page).map_err(|_| {
            Failure::new("api", "malformed", "the answer is no page of a listing").at(&self.url)
        })?;
        choose(page.objects, self.place.wanted).map_err(|failure| at_api(failure).at(&self.url))
    }

    async fn head(&self, object: &Object) -> Result<(), Failure> {
        let url = self.url_of(object);
        let request = Request { method: Method::HEAD, url: &url, headers: &[], body: b"" };
        let response = self.aws.send_signed("execute-api", &request).await.map_err(at_api)?;
        let response = self.expect(response, 200).await?;
        self.same_version(&response, object)?;
        // A gateway that streams may leave the length out.
        match header(&response, CONTENT_LENGTH.as_str()) {
            Some(length) if length != object.size.to_string() => {
                Err(self.wrong("content-length", &length, &object.size.to_string()))
            }
            _ => Ok(()),
        }
    }

    async fn range(&self, object: &Object) -> Result<(), Stopped> {
        if object.size == 0 {
            return Err(Stopped::NotRun("the object is empty, and an empty one has no range".to_owned()));
        }
        let length = object.size.min(RANGE);
        let asked = format!("bytes=0-{}", length - 1);
        let response = self.get(&self.url_of(object), &[("range", &asked)]).await?;
        let response = self.expect(response, 206).await?;
        self.same_version(&response, object)?;
        let stated = format!("bytes 0-{}/{}", length - 1, object.size);
        let found = header(&response, CONTENT_RANGE.as_str()).unwrap_or_default();
        if found != stated {
            return Err(self.wrong("content-range", &found, &stated).into());
        }
        let read = aws::take_body(response, length, |_| {}).await.map_err(at_api)?;
        if read == length {
            Ok(())
        } else {
            Err(self.wrong("length", &read.to_string(), &length.to_string()).into())
        }
    }

    async fn whole(&self, object: &Object) -> Result<Digests, Stopped> {
        if object.size > LONGEST {
            return Err(Stopped::NotRun(format!("{} bytes are more than the API streams", object.size)));
        }
        if object.size > LARGEST && self.place.wanted.is_none() {
            let (place, key) = (self.place.place, &object.key);
            return Err(Stopped::NotRun(format!(
                "it has {} bytes; over 1 MiB is read only if named: --object {place}/{key}",
                object.size
            )));
        }
        let response = self.get(&self.url_of(object), &[]).await?;
        let response = self.expect(response, 200).await?;
        self.same_version(&response, object)?;
        let mut running = Running::default();
        let read =
            aws::take_body(response, object.size, |bytes| running.update(bytes)).await.map_err(at_api)?;
        if read != object.size {
            return Err(self.wrong("length", &read.to_string(), &object.size.to_string()).into());
        }
        let digests = running.finish();
        for (field, found, kept) in
            [("MD5", digests.md5_hex(), &object.md5), ("CRC32C", digests.crc32c_hex(), &object.crc32c)]
        {
            if let (Some(found), Some(kept)) = (found, kept)
                && found != *kept
            {
                return Err(self.wrong(field, &found, kept).into());
            }
        }
        Ok(digests)
    }

    async fn not_modified(&self, object: &Object) -> Result<(), Failure> {
        let response = self.get(&self.url_of(object), &[("if-none-match", &object.etag)]).await?;
        let response = self.expect(response, 304).await?;
        aws::take_body(response, 0, |_| {}).await.map(drop).map_err(at_api)
    }

    async fn not_found(&self) -> Result<(), Failure> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let response = self.get(&format!("{}/carnet-live-{:x}", self.url, now.as_nanos()), &[]).await?;
        let response = self.expect(response, 404).await?;
        // API Gateway's own 404 would say nothing of the store.
        let problem = aws::json(response).await.map_err(at_api)?;
        match text(&problem, "type") {
            Some("urn:carnet:problem:not-found") => Ok(()),
            other => Err(self.wrong("type", other.unwrap_or_default(), "urn:carnet:problem:not-found")),
        }
    }

    /// Names that lead out of the place, encoded once and twice.
    async fn refused_names(&self) -> Result<(), Failure> {
        for name in ["..%2Fcarnet-live", "%252e%252e%2Fcarnet-live"] {
            let response = self.get(&format!("{}/{name}", self.url), &[]).await?;
            self.expect(response, 400).await?;
        }
        Ok(())
    }

    fn url_of(&self, object: &Object) -> String {
        format!("{}/{}", self.url, encoded(&object.key))
    }

    async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Response, Failure> {
        let request = Request { method: Method::GET, url, headers, body: b"" };
        self.aws.send_signed("execute-api", &request).await.map_err(at_api)
    }

    fn same_version(&self, response: &Response, object: &Object) -> Result<(), Failure> {
        let found = header(response, ETAG.as_str()).unwrap_or_default();
        if found == object.etag { Ok(()) } else { Err(self.wrong("etag", &found, &object.etag)) }
    }

    fn wrong(&self, field: &str, found: &str, right: &str) -> Failure {
        Failure::new("api", "malformed", format!("the answer says {found:?} where {right:?} is right"))
            .at(&self.url)
            .field(field, found)
            .change("if the object was changed meanwhile, run it again or name another with --object")
    }

    /// The answer, if it has this status.
    async fn expect(&self, response: Response, status: u16) -> Result<Response, Failure> {
        if response.status().as_u16() == status {
            return Ok(response);
        }
        Err(self.refusal(response, status).await)
    }

    async fn refusal(&self, response: Response, status: u16) -> Failure {
        let (found, request_id) = (response.status().as_u16(), header(&response, "x-amzn-requestid"));
        let code = header(&response, "x-amzn-errortype");
        let document = aws::json(response).await.unwrap_or_default();
        let slug = text(&document, "type").and_then(|slug| slug.strip_prefix("urn:carnet:problem:"));
        let words = text(&document, "title").or(text(&document, "message")).unwrap_or("no words of its own");
        let request_id = text(&document, "instance")
            .and_then(|id| id.strip_prefix("urn:uuid:"))
            .map(str::to_owned)
            .or(request_id);
        let failure = Failure::new(
            "api",
            slug.unwrap_or("refused"),
            format!("{found} where {status} is right: {words}"),
        );
        let failure = match (found, slug) {
            (403, None) => failure
                .field("execute-api:Invoke", words)
                .change("let this machine's identity call the API, and name the API of this region and stage with --api"),
            (_, Some("unknown-place")) => failure
                .field("place", self.place.place)
                .change("deploy the function with the places that carnet.toml states"),
            (500.., Some(_)) => failure
                .change("the function's log line of this request id names hop and field; so does its doctor")
                .help("answers-of-the-api"),
            _ => failure,
        };
        failure.at(&self.url).with("code", code).with("request_id", request_id)
    }
}

fn encoded(key: &str) -> String {
    utf8_percent_encode(key, SEGMENTS).to_string()
}

fn header(response: &Response, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

fn text<'v>(document: &'v Value, name: &str) -> Option<&'v str> {
    document.get(name)?.as_str()
}

fn at_api(failure: Failure) -> Failure {
    failure.hop("api")
}
