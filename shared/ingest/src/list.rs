//! A list: an object of S3 whose lines are URLs. Each line becomes a message of its own, so that no list
//! outlives an invocation and one bad object fails by itself.

use crate::hint::{Hint, What, parse_url};
use crate::message::{self, ListObject, Rest};
use crate::queue::Queue;
use crate::scope::{Inbox, Scope};
use carnet_federation::http::retry::{Policy, retry};
use carnet_federation::{Error, Hop, Kind, Result, hints};
use carnet_objects::ObjectSink;
use carnet_objects::sink::Got;
use carnet_sync::Stop;
use std::sync::Arc;

/// Some 100,000 URLs.
const LONGEST_LIST: usize = 8 << 20;
/// Lines between two looks at the time. So many are queued even without time: a list that never got
/// further would go round for ever.
const AT_ONCE: usize = 100;
/// Faults that an error names.
const NAMED: usize = 5;

/// Takes lists from the inbox.
pub struct Lists {
    pub inbox: Option<Inbox>,
    pub bucket: Arc<dyn ObjectSink>,
    /// There is one where there is an inbox.
    pub queue: Option<Arc<Queue>>,
}

impl Lists {
    /// Puts the lines into the queue and says how many. The rest of a list for which there is no time
    /// is a message too. A list that has a wrong line is refused before any line is queued.
    pub async fn spread(&self, list: &ListObject, scope: &Scope, stop: &Stop) -> Result<u32> {
        let key = Inbox::key(self.inbox.as_ref(), list)?;
        let Some(queue) = &self.queue else {
            return Err(refused(list, "there is no queue for its lines"));
        };
        let bucket = &self.bucket;
        let read = || bucket.get(&key, None, LONGEST_LIST);
        let (object, body) = match retry(&Policy::STORE, Hop::Read, bucket.target(), read).await {
            Ok(Got::Object { object, body }) => (object, body),
            Ok(Got::Missing | Got::NotModified) => {
                tracing::warn!(list = named(list), "the list is gone; nothing of it is done");
                return Ok(0);
            }
            Err(error) if error.kind() == Kind::OutOfRange => {
                return Err(refused(list, format!("it has more than {LONGEST_LIST} bytes")));
            }
            Err(error) => return Err(error),
        };
        let version = object.version.as_str();
        let begin = match &list.from {
            Some((of, _)) if of != version => {
                tracing::info!(list = named(list), "the list was replaced, which is an event of its own");
                return Ok(0);
            }
            Some((_, line)) => *line,
            None => 0,
        };
        let text = std::str::from_utf8(&body).map_err(|_| refused(list, "it is not UTF-8"))?;
        let lines = lines(text, scope).map_err(|faults| refused(list, faults))?;
        let mut sent = 0;
        for chunk in lines.get(begin..).unwrap_or_default().chunks(AT_ONCE) {
            if sent > 0 && stop.is_asked() {
                let rest = Rest { list, version, line: begin + sent };
                queue.send(vec![rest.message()]).await?;
                tracing::info!(list = named(list), line = begin + sent, "the rest goes on later");
                break;
            }
            queue.send(chunk.iter().map(|url| message::ingest(url)).collect()).await?;
            sent += chunk.len();
        }
        tracing::info!(list = named(list), lines = lines.len(), sent, "a list");
        Ok(u32::try_from(sent).unwrap_or(u32::MAX))
    }
}

/// The URLs, or what is wrong with some of the lines.
fn lines<'t>(text: &'t str, scope: &Scope) -> std::result::Result<Vec<&'t str>, String> {
    let (mut urls, mut faults, mut wrong) = (Vec::new(), Vec::new(), 0);
    let lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let checked = parse_url(line).and_then(|(store, name)| {
            let hint = Hint { store, name, what: What::Changed, id: String::new(), time: None };
            scope.key(&hint).map_err(|error| error.message().to_owned())
        });
        match checked {
            Ok(_) => urls.push(line),
            Err(why) => {
                wrong += 1;
                if faults.len() < NAMED {
                    faults.push(format!("line {}: {why}", number + 1));
                }
            }
        }
    }
    if wrong == 0 { Ok(urls) } else { Err(format!("{wrong} lines are wrong, e.g. {}", faults.join("; "))) }
}

fn named(list: &ListObject) -> String {
    format!("s3://{}/{}", list.bucket, list.key)
}

fn refused(list: &ListObject, why: impl Into<String>) -> Error {
    Error::new(Hop::Receive, Kind::Malformed, named(list), why).with_hint(&hints::LIST_REFUSED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnet_objects::PlaceUrl;

    #[test]
    fn a_list_is_taken_whole_or_not_at_all() {
        let scope = Scope::new(PlaceUrl::parse("gs://bucket/in").unwrap());
        let good = "\u{feff}gs://bucket/in/a\r\n\r\ngs://bucket/in/b c\n";
        assert_eq!(lines(good, &scope).unwrap(), ["gs://bucket/in/a", "gs://bucket/in/b c"]);
        assert!(lines("", &scope).unwrap().is_empty());
        let bad = lines("gs://bucket/in/a\ngs://other/in/a\nnothing\n", &scope).unwrap_err();
        assert!(
            bad.starts_with("2 lines are wrong") && bad.contains("line 2:") && bad.contains("line 3:"),
            "{bad}"
        );
    }
}
