//! Blocks and comments, written and read back.

use crate::render::{Document, MARK, Unwritable};
use hcl::expr::{FuncCall, Object, ObjectKey, TemplateExpr, Traversal, TraversalBuilder, Variable};
use hcl::format::{Format as _, Formatter};
use hcl::{Block, Body, Expression, Identifier, Template};

pub struct File {
    path: &'static str,
    comments: Vec<String>,
    blocks: Vec<Block>,
}

impl File {
    /// `about` is what stands at its head.
    pub fn new(path: &'static str, about: &str) -> Self {
        Self { path, comments: vec![format!("{MARK}\n\n{about}")], blocks: Vec::new() }
    }

    /// A block, and what is said before it: nothing if empty.
    pub fn add(&mut self, comment: impl Into<String>, block: impl Into<Block>) {
        self.comments.push(comment.into());
        self.blocks.push(block.into());
    }

    /// As `terraform fmt` would have it. What does not read back as what was meant is not written.
    pub fn document(self) -> Result<Document, Unwritable> {
        let unwritable = |problem: String| Unwritable { path: self.path, problem };
        let mut text = comment(&self.comments[0]);
        for (said, block) in self.comments[1..].iter().zip(&self.blocks) {
            let mut formatter = Formatter::builder().compact_arrays(true).build_vec();
            let written =
                block.format_string(&mut formatter).map_err(|error| unwritable(error.to_string()))?;
            text.push('\n');
            text.push_str(&comment(said));
            text.push_str(&aligned(&written));
        }
        let read = hcl::parse(&text).map_err(|error| unwritable(error.to_string()))?;
        let meant: Body = self.blocks.iter().cloned().collect();
        if let Some((_, block)) = read.blocks().zip(meant.blocks()).find(|(read, meant)| read != meant) {
            let labels: Vec<&str> = block.labels().iter().map(hcl::BlockLabel::as_str).collect();
            let problem = format!("{} {} does not read back as it is", block.identifier(), labels.join("."));
            return Err(unwritable(problem));
        }
        Ok(Document { path: self.path.into(), text, executable: false })
    }
}

fn comment(said: &str) -> String {
    said.lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect()
}

/// Puts the `=` of neighbouring lines below each other. A value of several lines stands alone.
fn aligned(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut start = 0;
    while start < lines.len() {
        let keys: Vec<usize> = lines[start..].iter().map_while(|line| key_width(line)).collect();
        let widest = keys.iter().copied().max().unwrap_or(0);
        for (line, key) in lines[start..].iter_mut().zip(&keys) {
            line.insert_str(*key, &" ".repeat(widest - key));
        }
        start += keys.len().max(1);
    }
    // The library writes an empty block so.
    let tight = |line: String| line.strip_suffix("{  }").map(|start| format!("{start}{{}}")).unwrap_or(line);
    lines.into_iter().map(|line| tight(line) + "\n").collect()
}

/// How far the key of `key = value` reaches, if the value ends on its line.
fn key_width(line: &str) -> Option<usize> {
    let indent = line.len() - line.trim_start().len();
    let rest = &line[indent..];
    let key = match rest.strip_prefix('"') {
        Some(quoted) => quoted.find('"')? + 2,
        None => rest.find(' ')?,
    };
    let value = rest[key..].strip_prefix(" = ")?;
    (!value.ends_with(['{', '[', '('])).then_some(indent + key)
}

/// A name as a label and identifier: names of ours have letters, digits, `-` and `_`, and never begin
/// with `_`, so no two become one.
pub fn label(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let start = if name.starts_with(|c: char| c.is_ascii_alphabetic()) { "" } else { "_" };
    start.chars().chain(name.chars().map(plain)).collect()
}

/// `a.b.c`
pub fn reference(parts: &[&str]) -> Expression {
    if let [keyword] = parts {
        return Variable::sanitized(label(keyword)).into();
    }
    traversal(parts).build().into()
}

/// `a.b["key"]`
pub fn at_key(parts: &[&str], key: &str) -> Expression {
    traversal(parts).index(Expression::from(key)).build().into()
}

fn traversal(parts: &[&str]) -> TraversalBuilder {
    let (first, rest) = parts.split_first().unwrap_or((&"", &[]));
    let traversal = Traversal::builder(Variable::sanitized(label(first)));
    rest.iter().fold(traversal, |so_far, part| so_far.attr(Identifier::sanitized(label(part))))
}

/// `"${expression}tail"`, with `head` before it.
pub fn text(head: &str, expression: Expression, tail: &str) -> Expression {
    let mut template = Template::new();
    if !head.is_empty() {
        template = template.add_literal(head);
    }
    let template = template.add_interpolation(expression).add_literal(tail);
    TemplateExpr::from(template.to_string()).into()
}

pub fn call(function: &str, argument: Expression) -> Expression {
    FuncCall::builder(Identifier::sanitized(function)).arg(argument).build().into()
}

/// Keys that are no identifiers are quoted.
pub fn object(entries: impl IntoIterator<Item = (String, Expression)>) -> Expression {
    let entries = entries.into_iter().map(|(name, value)| (key(&name), value));
    Expression::Object(entries.collect::<Object<ObjectKey, Expression>>())
}

pub fn texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> Expression {
    Expression::Array(texts.into_iter().map(|text| Expression::from(text.as_str())).collect())
}

fn key(name: &str) -> ObjectKey {
    match Identifier::new(name) {
        Ok(name) => ObjectKey::Identifier(name),
        Err(_) => ObjectKey::Expression(Expression::from(name)),
    }
}
