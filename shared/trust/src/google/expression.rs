//! The Common Expression Language as Google's providers speak it.
//!
//! The language is the `cel` crate's; `extract()` is Google's addition ("Attribute reference for IAM
//! Conditions"), `split()` and `join()` come with the strings extension of CEL itself. Its other
//! functions work here too, though Google lists not all of them.

use cel::extractors::This;
use cel::objects::Value;
use cel::{Context, Env, ExecutionError, Program, extensions};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Why an expression gave no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ExpressionFault {
    /// Longer or deeper than what is read here.
    TooLong,
    /// It is no CEL.
    Syntax,
    /// A field the credential does not have.
    Missing(String),
    /// A variable, a function or a method that does not exist, or not for these types.
    Unknown(String),
    /// Anything else that stopped the evaluation.
    Evaluation,
}

impl fmt::Display for ExpressionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExpressionFault::TooLong => f.write_str("it is too long or too deeply nested"),
            ExpressionFault::Syntax => f.write_str("it is no valid CEL expression"),
            ExpressionFault::Missing(name) => write!(f, "the credential has no field {name}"),
            ExpressionFault::Unknown(name) => write!(f, "{name} is unknown there"),
            ExpressionFault::Evaluation => f.write_str("evaluating it failed"),
        }
    }
}

/// The variables an expression sees.
pub(super) type Variables = Vec<(&'static str, Value)>;

pub(super) fn run(expression: &str, variables: &Variables) -> Result<Value, ExpressionFault> {
    with_program(expression, |program| execute(program, variables))?
}

fn execute(program: &Program, variables: &Variables) -> Result<Value, ExpressionFault> {
    let mut context = Context::with_env(environment());
    // Fails only on a name the environment has, and it has no `extract`.
    context.add_function("extract", extract_function).map_err(|_| ExpressionFault::Evaluation)?;
    for (name, value) in variables {
        context.add_variable_from_value(*name, value.clone());
    }
    program.execute(&context).map_err(|error| match error {
        ExecutionError::NoSuchKey(name) => ExpressionFault::Missing(name.to_string()),
        ExecutionError::UndeclaredReference(name) => ExpressionFault::Unknown(name.to_string()),
        ExecutionError::NoSuchOverload(overload) => ExpressionFault::Unknown(overload.function().to_owned()),
        ExecutionError::NotSupportedAsMethod { method, .. } => ExpressionFault::Unknown(method),
        _ => ExpressionFault::Evaluation,
    })
}

/// Google's longest expression. A longer one is not even read.
const MAX_CHARACTERS: usize = super::MAX_CONDITION_CHARACTERS;
/// Ours. Reading takes some 200 KB of stack for each bracket that is open.
const MAX_BRACKETS: usize = 256;
/// Enough for the deepest expression within these limits: 2,000 operators in a chain, some 45 KB each.
const STACK: usize = 192 * 1024 * 1024;

/// Reads the expression and does something with it, on a stack of its own: the parser and the
/// interpreter descend without looking how deep they are. The memory is only taken when used.
fn with_program<T: Send>(
    expression: &str,
    act: impl FnOnce(&Program) -> T + Send,
) -> Result<T, ExpressionFault> {
    let brackets = expression.bytes().filter(|byte| b"([{".contains(byte)).count();
    if expression.chars().count() > MAX_CHARACTERS || brackets > MAX_BRACKETS {
        return Err(ExpressionFault::TooLong);
    }
    std::thread::scope(|scope| {
        let work = || match environment().compile(expression) {
            Ok(program) => Ok(act(&program)),
            Err(_) => Err(ExpressionFault::Syntax),
        };
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let thread = thread.map_err(|_| ExpressionFault::Evaluation)?;
        thread.join().unwrap_or(Err(ExpressionFault::Evaluation))
    })
}

/// Whether an expression names a variable. One that cannot be read names none.
pub(super) fn uses(expression: &str, variable: &str) -> bool {
    with_program(expression, |program| program.references().has_variable(variable)).unwrap_or(false)
}

/// CEL's standard functions, its strings extension's, and Google's own. Macros (`has`, `all`,
/// `exists`, `exists_one`, `map`, `filter`) are gone once an expression is read.
const FUNCTIONS: [&str; 27] = [
    "bool",
    "bytes",
    "charAt",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "extract",
    "format",
    "indexOf",
    "int",
    "join",
    "lastIndexOf",
    "lowerAscii",
    "matches",
    "replace",
    "reverse",
    "size",
    "split",
    "startsWith",
    "string",
    "strings.quote",
    "substring",
    "trim",
    "type",
    "uint",
    "upperAscii",
];

/// The functions an expression calls that do not exist. Operators have names that are no words.
pub(super) fn unknown_functions(expression: &str) -> Result<Vec<String>, ExpressionFault> {
    let is_word = |name: &&str| name.starts_with(|first: char| first.is_ascii_alphabetic());
    with_program(expression, |program| {
        let references = program.references();
        let functions = references.functions().into_iter().filter(is_word);
        let mut unknown: Vec<String> =
            functions.filter(|name| !FUNCTIONS.contains(name)).map(str::to_owned).collect();
        unknown.sort();
        unknown
    })
}

fn environment() -> Arc<Env> {
    static ENVIRONMENT: OnceLock<Arc<Env>> = OnceLock::new();
    ENVIRONMENT
        .get_or_init(|| {
            // Google's expressions have no optional values.
            let mut environment = Env::stdlib().with_optional_support(false);
            // Fails only on names that are declared twice, and these are declared once, here.
            let _ = environment.add_extension(extensions::strings);
            Arc::new(environment)
        })
        .clone()
}

fn extract_function(This(text): This<Arc<String>>, template: Arc<String>) -> String {
    extract(&text, &template).to_owned()
}

/// `PREFIX{NAME}SUFFIX`: what stands between the first PREFIX and the first SUFFIX after it; all up
/// to the end without a suffix, all from the start without a prefix. Empty if one is not there.
///
/// A template without `{NAME}` gives nothing; that is ours, Google does not say.
pub(super) fn extract<'t>(text: &'t str, template: &str) -> &'t str {
    let parts = template.split_once('{').and_then(|(prefix, rest)| Some((prefix, rest.split_once('}')?.1)));
    let found = parts.and_then(|(prefix, suffix)| {
        let (_, rest) = text.split_once(prefix)?;
        if suffix.is_empty() { Some(rest) } else { Some(rest.split_once(suffix)?.0) }
    });
    found.unwrap_or("")
}

/// JSON as CEL sees it. Whole numbers are `int`, so that they compare with literals.
pub(super) fn value(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(value).collect::<Vec<_>>()),
        Json::Object(fields) => object(fields),
    }
}

pub(super) fn object(fields: &serde_json::Map<String, serde_json::Value>) -> Value {
    let fields: HashMap<String, Value> =
        fields.iter().map(|(name, json)| (name.clone(), value(json))).collect();
    Value::from(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Google's own table, "Attribute reference for IAM Conditions", `extract()`.
    #[test]
    fn extract_gives_what_googles_table_says() {
        let name = "projects/_/buckets/acme-orders-aaa/objects/data_lake/orders/order_date=2019-11-03/aef87g87ae0876";
        let rows = [
            ("/order_date={date}/", "2019-11-03"),
            ("buckets/{name}/", "acme-orders-aaa"),
            ("/orders/{empty}order_date", ""),
            ("{start}/objects/data_lake", "projects/_/buckets/acme-orders-aaa"),
            ("orders/{end}", "order_date=2019-11-03/aef87g87ae0876"),
            ("{all}", name),
            ("/orders/{none}/order_date=", ""),
            ("/orders/order_date=2019-11-03/{id}/data_lake", ""),
        ];
        for (template, expected) in rows {
            assert_eq!(extract(name, template), expected, "{template}");
        }
    }

    proptest! {
        #[test]
        fn extract_gives_a_part_of_the_text(text in ".{0,60}", template in ".{0,20}") {
            let found = extract(&text, &template);
            prop_assert!(text.contains(found));
        }

        #[test]
        fn extract_finds_what_was_put_between(
            before in "[a-z/]{0,10}", prefix in "[A-Z]{1,5}", name in "[a-z0-9]{0,10}",
            suffix in "[A-Z]{1,5}", after in "[a-z/]{0,10}",
        ) {
            prop_assume!(!format!("{prefix}{suffix}").contains(&format!("{suffix}{prefix}")));
            let text = format!("{before}{prefix}{name}{suffix}{after}");
            let template = format!("{prefix}{{name}}{suffix}");
            prop_assert_eq!(extract(&text, &template), name);
        }

        #[test]
        fn whatever_is_written_is_judged_without_a_panic(expression in r#"[a-z0-9.,(){}\[\]'"?:!&|=<>+*/ \\-]{0,80}"#) {
            let variables = vec![("assertion", Value::from(HashMap::from([("a".to_owned(), Value::from("b"))])))];
            let _ = run(&expression, &variables);
        }

        #[test]
        fn any_text_at_all_is_judged_without_a_panic(expression in "\\PC{0,80}") {
            let _ = run(&expression, &Vec::new());
        }
    }

    /// Every way to go deep that 4,096 characters allow.
    #[test]
    fn the_deepest_expressions_are_judged_without_a_panic() {
        let nested = [
            ("(", ")"),
            ("[", "]"),
            ("{'a':", "}"),
            ("f(", ")"),
            ("a[", "]"),
            ("a.f(", ")"),
            ("!", ""),
            ("-", ""),
            ("! ", ""),
            ("- ", ""),
            ("!-", ""),
            ("a?b:", ""),
            ("a==a?a:", ""),
            ("[a].map(x,", ")"),
            ("", ".f()"),
            ("", "[0]"),
            ("", "{}"),
            ("a{b:", "}"),
        ];
        for (open, close) in nested {
            for depth in [1, 24, 100, 255, 256, 4095 / (open.len() + close.len())] {
                let text = format!("{}a{}", open.repeat(depth), close.repeat(depth));
                let _ = run(&text, &vec![("a", Value::from("x"))]);
                let _ = unknown_functions(&open.repeat(depth));
            }
        }
        for joined in ["+", "-", "*", "&&", "||", ".", "==", "<", " in ", ","] {
            let text = vec!["a"; 4096 / (joined.len() + 1)].join(joined);
            let _ = run(&text, &vec![("a", Value::from("x"))]);
            let _ = unknown_functions(&text);
        }
    }

    #[test]
    fn more_than_google_takes_is_not_read() {
        let long = format!("'{}'", "x".repeat(4095));
        assert_eq!(run(&long, &Vec::new()), Err(ExpressionFault::TooLong));
        assert_eq!(run(&"(".repeat(257), &Vec::new()), Err(ExpressionFault::TooLong));
        assert_eq!(run(&"(".repeat(256), &Vec::new()), Err(ExpressionFault::Syntax));
        assert_eq!(run(&format!("{}1{}", "(".repeat(24), ")".repeat(24)), &Vec::new()), Ok(Value::Int(1)));
    }
}
