//! Which resource of a REST API a path belongs to, and what its parameters are.
//!
//! "Set up a proxy integration with a proxy resource": `{name}` is one segment of a path, `{name+}`
//! all that is left of it; what is written out wins over `{name}`, and that over `{name+}`.

use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched<'r> {
    pub resource: &'r str,
    /// As they stand in the path: percent-encoded.
    pub parameters: BTreeMap<&'r str, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Literal,
    Segment,
    Rest,
}

/// The most specific of the resources; `None` if the API has none for this path.
pub fn find<'r>(resources: &'r [String], path: &str) -> Option<Matched<'r>> {
    let path = path.trim_start_matches('/').trim_end_matches('/');
    let candidates = resources.iter().filter_map(|resource| candidate(resource, path));
    candidates.min_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, matched)| matched)
}

fn candidate<'r>(resource: &'r str, path: &str) -> Option<(Vec<Rank>, Matched<'r>)> {
    let (mut ranks, mut parameters) = (Vec::new(), BTreeMap::new());
    let mut rest = (!path.is_empty()).then_some(path);
    for part in resource.split('/').filter(|part| !part.is_empty()) {
        let left = rest?;
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        if let Some(name) = name.and_then(|name| name.strip_suffix('+')) {
            ranks.push(Rank::Rest);
            parameters.insert(name, left.to_owned());
            rest = None;
            continue;
        }
        let (segment, after) = match left.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (left, None),
        };
        match name {
            Some(_) if segment.is_empty() => return None,
            Some(name) => {
                ranks.push(Rank::Segment);
                parameters.insert(name, segment.to_owned());
            }
            None if segment == part => ranks.push(Rank::Literal),
            None => return None,
        }
        rest = after;
    }
    rest.is_none().then_some((ranks, Matched { resource, parameters }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_resource_wins() {
        let resources =
            ["/", "/{proxy+}", "/azure/{place}", "/azure/{place}/{key+}", "/azure/help"].map(str::to_owned);
        for (path, resource, parameters) in [
            ("/", "/", vec![]),
            ("/azure", "/{proxy+}", vec![("proxy", "azure")]),
            ("/azure/help", "/azure/help", vec![]),
            ("/azure/assets", "/azure/{place}", vec![("place", "assets")]),
            ("/azure/assets/", "/azure/{place}", vec![("place", "assets")]),
            ("/azure/a%2fb/c/d%20e", "/azure/{place}/{key+}", vec![("key", "c/d%20e"), ("place", "a%2fb")]),
            ("/azure/assets//c", "/azure/{place}/{key+}", vec![("key", "/c"), ("place", "assets")]),
            ("/azure//c", "/{proxy+}", vec![("proxy", "azure//c")]),
            ("/other/x", "/{proxy+}", vec![("proxy", "other/x")]),
        ] {
            let matched = find(&resources, path).expect(path);
            assert_eq!(matched.resource, resource, "{path}");
            let parameters = parameters.into_iter().map(|(name, value)| (name, value.to_owned()));
            assert_eq!(matched.parameters, parameters.collect(), "{path}");
        }
        assert_eq!(find(&resources[2..], "/other"), None);
    }
}
