//! Which resource of a REST API a path belongs to, and the parameters it carries.
//!
//! As API Gateway matches: segment by segment, a literal before a `{parameter}` before a greedy
//! `{parameter+}`; a slash at the end belongs to the path, not to the parameter.

use std::collections::BTreeMap;

/// A request's place in the API. Parameters keep the percent-encoding that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    pub resource: String,
    pub parameters: BTreeMap<String, String>,
}

/// Without resources every path belongs to `/` or `/{proxy+}`. `None`: the API has no such path.
pub fn matched(resources: &[String], path: &str) -> Option<Matched> {
    if resources.is_empty() {
        let everything = ["/".to_owned(), "/{proxy+}".to_owned()];
        return matched(&everything, path);
    }
    let fitting =
        resources.iter().filter_map(|resource| Some((rank(resource), parameters(resource, path)?, resource)));
    let (_, parameters, resource) = fitting.min_by(|one, other| one.0.cmp(&other.0))?;
    Some(Matched { resource: resource.clone(), parameters })
}

fn rank(resource: &str) -> Vec<u8> {
    let of = |segment: &str| match segment {
        _ if segment.ends_with("+}") => 2,
        _ if segment.starts_with('{') => 1,
        _ => 0,
    };
    resource.split('/').map(of).collect()
}

fn parameters(resource: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let mut rest = path.trim_matches('/');
    let mut parameters = BTreeMap::new();
    for segment in resource.trim_matches('/').split('/').filter(|segment| !segment.is_empty()) {
        let greedy = segment.ends_with("+}");
        let (value, after) = if greedy { (rest, "") } else { rest.split_once('/').unwrap_or((rest, "")) };
        if value.is_empty() {
            return None;
        }
        match segment.strip_prefix('{') {
            Some(name) => {
                let name = name.trim_end_matches('}').trim_end_matches('+');
                parameters.insert(name.to_owned(), value.to_owned());
            }
            None if segment != value => return None,
            None => {}
        }
        rest = after;
    }
    rest.is_empty().then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Option<(String, Vec<(String, String)>)> {
        let resources = ["/azure/{place}", "/azure/{place}/{key+}", "/azure/health"].map(str::to_owned);
        let matched = matched(&resources, path)?;
        Some((matched.resource, matched.parameters.into_iter().collect()))
    }

    #[test]
    fn paths_find_their_resource() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(of("/azure/assets"), Some(("/azure/{place}".into(), vec![pair("place", "assets")])));
        assert_eq!(of("/azure/assets/"), of("/azure/assets"));
        let key = vec![pair("key", "a%20b//c"), pair("place", "assets")];
        assert_eq!(of("/azure/assets/a%20b//c"), Some(("/azure/{place}/{key+}".into(), key)));
        assert_eq!(of("/azure/health").unwrap().0, "/azure/health");
        assert_eq!(of("/"), None);
        assert_eq!(of("/gcs/assets"), None);
    }

    #[test]
    fn without_resources_everything_is_the_proxys() {
        assert_eq!(matched(&[], "/").unwrap().resource, "/");
        assert_eq!(matched(&[], "/a/b/").unwrap().parameters["proxy"], "a/b");
    }
}
