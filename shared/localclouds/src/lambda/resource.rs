//! Which resource of a REST API a path belongs to, and its path parameters.
//!
//! AWS, "Set up REST API methods in API Gateway" and "Set up a proxy integration with a proxy
//! resource": a segment is literal, `{name}` or, at the end, the greedy `{name+}`; of several
//! resources that fit, the most specific one answers.

use std::collections::BTreeMap;

/// Everything, to one function.
pub const ANYTHING: [&str; 2] = ["/", "/{proxy+}"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// As the API defines it, e.g. `/azure/{place}/{key+}`.
    pub resource: String,
    /// Still percent-encoded, as they were sent.
    pub parameters: BTreeMap<String, String>,
}

/// How well a segment fits; the lower, the more specific.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Literal,
    Name,
    Greedy,
}

/// `None` where API Gateway has no such resource.
pub fn matching<'r>(resources: impl IntoIterator<Item = &'r String>, path: &str) -> Option<Matched> {
    let fits = resources.into_iter().filter_map(|resource| fit(resource, path));
    fits.min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, matched)| matched)
}

fn fit(resource: &str, path: &str) -> Option<(Vec<Fit>, Matched)> {
    let mut fits = Vec::new();
    let mut parameters = BTreeMap::new();
    let mut rest = Some(path.trim_matches('/')).filter(|rest| !rest.is_empty());
    for segment in resource.split('/').filter(|segment| !segment.is_empty()) {
        let name = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
        if let Some(greedy) = name.and_then(|name| name.strip_suffix('+')) {
            parameters.insert(greedy.to_owned(), rest.take()?.to_owned());
            fits.push(Fit::Greedy);
            break;
        }
        let (sent, after) = match rest?.split_once('/') {
            Some((sent, after)) => (sent, Some(after)),
            None => (rest?, None),
        };
        match name {
            Some(name) if !sent.is_empty() => {
                parameters.insert(name.to_owned(), sent.to_owned());
                fits.push(Fit::Name);
            }
            None if segment == sent => fits.push(Fit::Literal),
            _ => return None,
        }
        rest = after;
    }
    let matched = Matched { resource: resource.to_owned(), parameters };
    rest.is_none().then_some((fits, matched))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(resources: &[&str], path: &str) -> Option<(String, Vec<(String, String)>)> {
        let resources: Vec<String> = resources.iter().map(|resource| (*resource).to_owned()).collect();
        let found = matching(&resources, path)?;
        Some((found.resource, found.parameters.into_iter().collect()))
    }

    fn owned(resource: &str, parameters: &[(&str, &str)]) -> Option<(String, Vec<(String, String)>)> {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Some((resource.to_owned(), parameters.collect()))
    }

    #[test]
    fn a_path_finds_its_resource_and_its_parameters() {
        const API: [&str; 2] = ["/azure/{place}", "/azure/{place}/{key+}"];
        assert_eq!(matched(&API, "/azure/assets"), owned(API[0], &[("place", "assets")]));
        assert_eq!(matched(&API, "/azure/assets/"), owned(API[0], &[("place", "assets")]));
        assert_eq!(
            matched(&API, "/azure/assets/reports/a%20b.csv"),
            owned(API[1], &[("key", "reports/a%20b.csv"), ("place", "assets")])
        );
        for nowhere in ["/", "/azure", "/gcs/assets", "/azure//x"] {
            assert_eq!(matched(&API, nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn the_most_specific_resource_answers() {
        const API: [&str; 4] = ["/{proxy+}", "/a/{name}", "/a/b", "/{any}/b"];
        assert_eq!(matched(&API, "/a/b"), owned("/a/b", &[]));
        assert_eq!(matched(&API, "/a/c"), owned("/a/{name}", &[("name", "c")]));
        assert_eq!(matched(&API, "/c/b"), owned("/{any}/b", &[("any", "c")]));
        assert_eq!(matched(&API, "/c/d"), owned("/{proxy+}", &[("proxy", "c/d")]));
    }

    #[test]
    fn everything_can_go_to_one_function() {
        assert_eq!(matched(&ANYTHING, "/"), owned("/", &[]));
        assert_eq!(matched(&ANYTHING, "/a/b"), owned("/{proxy+}", &[("proxy", "a/b")]));
    }
}
