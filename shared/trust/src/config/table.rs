//! A TOML table being read. Whatever is missing, of the wrong type or unknown becomes a fault, and
//! reading goes on: people see everything that is wrong at once.

use super::Fault;
use super::check::Check;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Turns byte offsets into lines and gathers the faults.
pub struct Faults<'t> {
    text: &'t str,
    found: Vec<Fault>,
}

impl<'t> Faults<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new() }
    }

    pub fn add(
        &mut self,
        at: Range<usize>,
        field: impl Into<String>,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let start = at.start.min(self.text.len());
        let line = self.text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
        self.found.push(Fault { line, field: field.into(), problem: problem.into(), fix: fix.into() });
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub fn into_sorted(mut self) -> Vec<Fault> {
        self.found.sort_by_key(|fault| fault.line);
        self.found
    }
}

/// A value, where it stands, and the path to it.
#[derive(Clone, Debug)]
pub struct At<T> {
    pub value: T,
    pub at: Range<usize>,
    pub field: String,
}

/// What is left of a table as its keys are taken one by one.
pub struct Table<'a, 'i> {
    path: String,
    at: Range<usize>,
    entries: BTreeMap<String, (Range<usize>, &'a Spanned<DeValue<'i>>)>,
    asked: Vec<&'static str>,
}

impl<'a, 'i> Table<'a, 'i> {
    pub fn new(path: &str, at: Range<usize>, table: &'a DeTable<'i>) -> Self {
        let entries =
            table.iter().map(|(key, value)| (key.get_ref().to_string(), (key.span(), value))).collect();
        Self { path: path.to_owned(), at, entries, asked: Vec::new() }
    }

    fn field(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn take(&mut self, key: &'static str) -> Option<(Range<usize>, &'a Spanned<DeValue<'i>>)> {
        self.asked.push(key);
        self.entries.remove(key)
    }

    /// Where it stands, and the path to it.
    pub fn place(&self) -> (Range<usize>, String) {
        (self.at.clone(), self.path.clone())
    }

    pub fn contains(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Text that need not be there.
    pub fn optional(
        &mut self,
        key: &'static str,
        check: impl Fn(&str) -> Check,
        faults: &mut Faults,
    ) -> Option<String> {
        let (_, value) = self.take(key)?;
        let field = self.field(key);
        let text = text(value, &field, faults)?;
        if let Err((problem, fix)) = check(&text) {
            faults.add(value.span(), field, format!("`{text}` is {problem}"), fix);
        }
        Some(text)
    }

    /// Text that must be there. Empty if it is not: then there is a fault, and nothing is built.
    pub fn required(
        &mut self,
        key: &'static str,
        check: impl Fn(&str) -> Check,
        faults: &mut Faults,
    ) -> String {
        if !self.entries.contains_key(key) {
            self.asked.push(key);
            faults.add(self.at.clone(), self.field(key), "missing", format!("add `{key} = \"...\"`"));
            return String::new();
        }
        self.optional(key, check, faults).unwrap_or_default()
    }

    /// A whole number within bounds.
    pub fn number(
        &mut self,
        key: &'static str,
        within: std::ops::RangeInclusive<u32>,
        faults: &mut Faults,
    ) -> Option<u32> {
        let (_, value) = self.take(key)?;
        let field = self.field(key);
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|number| i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok());
        match number.and_then(|number| u32::try_from(number).ok()).filter(|number| within.contains(number)) {
            Some(number) => Some(number),
            None => {
                let fix =
                    format!("give a number from {} to {}, without quotes", within.start(), within.end());
                faults.add(value.span(), field, "not a number that is allowed here", fix);
                None
            }
        }
    }

    /// A list of texts; empty if it is not there.
    pub fn list(&mut self, key: &'static str, faults: &mut Faults) -> Vec<At<String>> {
        let Some((_, value)) = self.take(key) else { return Vec::new() };
        let field = self.field(key);
        let Some(array) = value.get_ref().as_array() else {
            faults.add(
                value.span(),
                field,
                format!("a {} where a list is meant", value.get_ref().type_str()),
                "write it as [\"...\"]",
            );
            return Vec::new();
        };
        array
            .iter()
            .filter_map(|item| {
                Some(At { value: text(item, &field, faults)?, at: item.span(), field: field.clone() })
            })
            .collect()
    }

    /// A table within this one.
    pub fn table(&mut self, key: &'static str, faults: &mut Faults) -> Option<Table<'a, 'i>> {
        let (at, value) = self.take(key)?;
        let path = self.field(key);
        as_table(&path, at, value, faults)
    }

    /// A table that must be there.
    pub fn required_table(&mut self, key: &'static str, faults: &mut Faults) -> Option<Table<'a, 'i>> {
        if !self.entries.contains_key(key) {
            self.asked.push(key);
            let field = self.field(key);
            let fix = format!("add a section [{field}]");
            faults.add(self.at.clone(), field, "missing", fix);
            return None;
        }
        self.table(key, faults)
    }

    /// All that is left, each a table under a name of the user's choice.
    pub fn named_tables(&mut self, faults: &mut Faults) -> Vec<(At<String>, Table<'a, 'i>)> {
        let entries = std::mem::take(&mut self.entries);
        let mut tables = Vec::new();
        for (name, (at, value)) in entries {
            let field = self.field(&name);
            if let Some(table) = as_table(&field, at.clone(), value, faults) {
                tables.push((At { value: name, at, field }, table));
            }
        }
        tables
    }

    /// All that is left, each a text under a key of the user's choice.
    pub fn named_texts(&mut self, faults: &mut Faults) -> Vec<(At<String>, At<String>)> {
        let entries = std::mem::take(&mut self.entries);
        let mut texts = Vec::new();
        for (name, (at, value)) in entries {
            let field = self.field(&name);
            if let Some(text) = text(value, &field, faults) {
                let value = At { value: text, at: value.span(), field: field.clone() };
                texts.push((At { value: name, at, field }, value));
            }
        }
        texts
    }

    /// What nobody asked for is a fault: a misspelt key would otherwise be a silent default.
    pub fn finish(self, faults: &mut Faults) {
        for (key, (at, _)) in &self.entries {
            let known = self.asked.join("`, `");
            faults.add(at.clone(), self.field(key), "unknown", format!("known here: `{known}`"));
        }
    }
}

fn as_table<'a, 'i>(
    path: &str,
    at: Range<usize>,
    value: &'a Spanned<DeValue<'i>>,
    faults: &mut Faults,
) -> Option<Table<'a, 'i>> {
    match value.get_ref().as_table() {
        Some(table) => Some(Table::new(path, at, table)),
        None => {
            let problem = format!("a {} where a section is meant", value.get_ref().type_str());
            faults.add(value.span(), path, problem, format!("write it as a section [{path}]"));
            None
        }
    }
}

fn text(value: &Spanned<DeValue<'_>>, field: &str, faults: &mut Faults) -> Option<String> {
    match value.get_ref().as_str() {
        Some(text) => Some(text.to_owned()),
        None => {
            let problem = format!("a {} where text is meant", value.get_ref().type_str());
            faults.add(value.span(), field, problem, "put it in quotes");
            None
        }
    }
}
