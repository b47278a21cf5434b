//! Partial responses: `fields=kind,items(name,size)`, as "Performance tips: working with partial
//! resources" has it. What is not asked for is left out, so a client that forgets a field notices.

use serde_json::{Map, Value};

/// `None`: not a selection.
pub(crate) fn select(asked: &str, value: Value) -> Option<Value> {
    let mut rest = asked;
    let wanted = parse(&mut rest)?;
    rest.is_empty().then(|| pick(&wanted, value))
}

struct Field<'a> {
    name: &'a str,
    /// Empty: all of it.
    within: Vec<Field<'a>>,
}

/// A list, up to its end or the parenthesis that closes it.
fn parse<'a>(rest: &mut &'a str) -> Option<Vec<Field<'a>>> {
    let mut fields = Vec::new();
    loop {
        fields.push(field(rest)?);
        match rest.strip_prefix(',') {
            Some(more) => *rest = more,
            None => return Some(fields),
        }
    }
}

fn field<'a>(rest: &mut &'a str) -> Option<Field<'a>> {
    let end = rest.find([',', '(', ')', '/']).unwrap_or(rest.len());
    let (name, more) = rest.split_at(end);
    if name.is_empty() {
        return None;
    }
    *rest = more;
    let within = if let Some(inner) = rest.strip_prefix('/') {
        *rest = inner;
        vec![field(rest)?]
    } else if let Some(inner) = rest.strip_prefix('(') {
        *rest = inner;
        let within = parse(rest)?;
        *rest = rest.strip_prefix(')')?;
        within
    } else {
        Vec::new()
    };
    Some(Field { name, within })
}

fn pick(wanted: &[Field<'_>], value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| pick(wanted, item)).collect(),
        Value::Object(members) => {
            let kept = members.into_iter().filter_map(|(name, value)| {
                let field = wanted.iter().find(|field| field.name == name || field.name == "*")?;
                let value = if field.within.is_empty() { value } else { pick(&field.within, value) };
                Some((name, value))
            });
            Value::Object(kept.collect::<Map<_, _>>())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_asked_for_is_there() {
        let page = json!({"kind": "k", "items": [{"name": "a", "size": "1", "metadata": {"x": 1, "y": 2}}]});
        for (asked, expected) in [
            ("kind", json!({"kind": "k"})),
            ("kind,nothing", json!({"kind": "k"})),
            ("items(name,size)", json!({"items": [{"name": "a", "size": "1"}]})),
            ("items/metadata/x", json!({"items": [{"metadata": {"x": 1}}]})),
            (
                "items(metadata(y),name),kind",
                json!({"kind": "k", "items": [{"name": "a", "metadata": {"y": 2}}]}),
            ),
            ("*", page.clone()),
        ] {
            assert_eq!(select(asked, page.clone()), Some(expected), "{asked}");
        }
        for wrong in ["", "items(", "items(name", "items)", "a,,b", "items()", "a/"] {
            assert_eq!(select(wrong, page.clone()), None, "{wrong}");
        }
    }
}
