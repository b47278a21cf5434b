//! From what is asked to what is answered.

use crate::answer::{self, Answer};
use crate::event::{Ask, HttpCall};
use crate::problem::Problem;
use carnet_federation::doctor::Report;
use carnet_federation::{BoxFuture, Error, Kind};
use carnet_objects::{ByteRange, Conditions, Key, ListRequest, Match, ObjectSource, ReadRequest};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What Lambda streams at most ("Lambda quotas": 200 MB for streamed responses).
const LONGEST_ANSWER: u64 = 200_000_000;

/// Examines the way to the stores: the hops before the places.
type Doctor = Box<dyn Fn() -> BoxFuture<'static, Report> + Send + Sync>;

/// The places that may be read, by name.
pub struct Api {
    places: BTreeMap<String, Arc<dyn ObjectSource>>,
    doctor: Doctor,
}

impl Api {
    pub fn new<F>(
        places: BTreeMap<String, Arc<dyn ObjectSource>>,
        doctor: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Report> + Send + 'static,
    {
        Self { places, doctor: Box::new(move || Box::pin(doctor())) }
    }

    pub async fn call(&self, call: HttpCall, request_id: &str) -> Answer {
        let answered = match call.ask {
            Ok(ask) => self.ask(ask, request_id).await,
            Err(problem) => Err(problem),
        };
        let answer = answered.unwrap_or_else(|problem| answer::problem(&problem, request_id));
        if call.head { answer::without_body(answer) } else { answer }
    }

    /// Walks every hop under this function's own role, then looks into every place.
    pub async fn doctor(&self) -> Report {
        let mut report = (self.doctor)().await;
        for (name, source) in &self.places {
            let first = ListRequest { page_size: Some(1), ..ListRequest::default() };
            let look = carnet_objects::list_page(&**source, &first);
            report
                .step(
                    "list",
                    source.target(),
                    look,
                    |page| serde_json::json!({ "place": name, "has_objects": !page.objects.is_empty() }),
                )
                .await;
        }
        report
    }

    async fn ask(&self, ask: Ask, request_id: &str) -> Result<Answer, Problem> {
        Ok(match ask {
            Ask::List { place, request } => list(&*self.place(&place)?, &place, &request, request_id).await,
            Ask::Head { place, key, conditions } => {
                head(&*self.place(&place)?, &key, &conditions, request_id).await
            }
            Ask::Get { place, key, range, conditions } => {
                get(self.place(&place)?, &key, range, conditions, request_id).await
            }
        })
    }

    fn place(&self, name: &str) -> Result<Arc<dyn ObjectSource>, Problem> {
        self.places.get(name).cloned().ok_or_else(Problem::unknown_place)
    }
}

async fn list(source: &dyn ObjectSource, place: &str, request: &ListRequest, request_id: &str) -> Answer {
    match carnet_objects::list_page(source, request).await {
        Ok(page) => answer::page(place, request, &page),
        Err(error) if error.kind() == Kind::OutOfRange => {
            answer::problem(&Problem::bad_request("page_token", "is none that this place gave"), request_id)
        }
        Err(error) => failed(&error, request_id),
    }
}

async fn head(source: &dyn ObjectSource, key: &Key, conditions: &Conditions, request_id: &str) -> Answer {
    match carnet_objects::head(source, key, conditions).await {
        Ok(meta) => answer::object_head(&meta),
        Err(error) if error.kind() == Kind::NotModified => answer::not_modified(known_tag(conditions)),
        Err(error) => failed(&error, request_id),
    }
}

async fn get(
    source: Arc<dyn ObjectSource>,
    key: &Key,
    range: Option<ByteRange>,
    conditions: Conditions,
    request_id: &str,
) -> Answer {
    let tag = known_tag(&conditions).map(str::to_owned);
    let request = ReadRequest { range, version: None, conditions };
    let reading = match carnet_objects::read(source.clone(), key, request).await {
        Ok(reading) => reading,
        Err(error) if error.kind() == Kind::NotModified => return answer::not_modified(tag.as_deref()),
        Err(error) if error.kind() == Kind::OutOfRange => {
            let size =
                carnet_objects::head(&*source, key, &Conditions::default()).await.ok().map(|meta| meta.size);
            return answer::unsatisfiable(size, request_id);
        }
        Err(error) => return failed(&error, request_id),
    };
    let length = reading.range().end - reading.range().start;
    if length > LONGEST_ANSWER {
        return answer::problem(&Problem::too_large(length, LONGEST_ANSWER), request_id);
    }
    answer::object(reading, range.is_some())
}

fn known_tag(conditions: &Conditions) -> Option<&str> {
    match &conditions.if_none_match {
        Some(Match::Version(version)) => Some(version.as_str()),
        _ => None,
    }
}

/// The caller gets the problem, the log the error.
fn failed(error: &Error, request_id: &str) -> Answer {
    let problem = Problem::from(error);
    if problem.status() >= 500 {
        tracing::error!(
            %error,
            kind = error.kind().as_str(),
            code = error.code(),
            field = error.field(),
            problem = problem.slug(),
            "request failed"
        );
    } else {
        tracing::info!(%error, problem = problem.slug(), "request answered with a problem");
    }
    answer::problem(&problem, request_id)
}
