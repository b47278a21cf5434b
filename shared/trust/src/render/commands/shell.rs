//! A script, line by line.

use crate::render::{Document, MARK};

pub struct Script {
    path: &'static str,
    text: String,
}

impl Script {
    /// `about` says what it does and the rights it needs.
    pub fn new(path: &'static str, about: &str) -> Self {
        let mut script = Self { path, text: "#!/bin/sh\n".to_owned() };
        script.comment(MARK);
        script.text.push_str("#\n");
        script.comment(about);
        script.line("set -eu");
        script
    }

    pub fn comment(&mut self, said: &str) {
        for line in said.lines() {
            self.line(format!("# {line}").trim_end());
        }
    }

    /// After an empty line.
    pub fn section(&mut self, said: &str) {
        self.line("");
        self.comment(said);
    }

    pub fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// A command with its options, each on a line of its own. They are quoted already.
    pub fn command(&mut self, indent: usize, command: &str, options: &[String]) {
        let indent = " ".repeat(indent);
        let mut lines = vec![format!("{indent}{command}")];
        lines.extend(options.iter().map(|option| format!("{indent}  {option}")));
        self.line(lines.join(" \\\n"));
    }

    /// Ends here unless the variable is set.
    pub fn need(&mut self, variable: &str, what: &str) {
        self.line(format!(": \"${{{variable}:?{what}}}\""));
    }

    /// Ends here unless `found`, an expression of the shell's, is what is expected.
    pub fn must_be(&mut self, found: &str, expected: &str, what: &str) {
        self.line(format!("found=$({found})"));
        self.line(format!("if [ \"$found\" != {} ]; then", quoted(expected)));
        self.line(format!("  echo \"{what} is $found, and {expected} in carnet.toml\" >&2"));
        self.line("  exit 1");
        self.line("fi");
    }

    /// For scripts that revoke: what fails is said, the rest is still done, and the exit code tells.
    pub fn keep_going(&mut self) {
        self.line("failed=0");
        self.line("attempt() {");
        self.line("  \"$@\" || { echo \"not done: $*\" >&2; failed=1; }");
        self.line("}");
    }

    pub fn end_of_attempts(&mut self) {
        self.section("What was gone before counts as failed too: look at what is said above.");
        self.line("exit \"$failed\"");
    }

    pub fn document(self) -> Document {
        Document { path: self.path.into(), text: self.text, executable: true }
    }
}

/// One word of the shell's, whatever is in it.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `--name 'value'`
pub fn option(name: &str, value: &str) -> String {
    format!("--{name} {}", quoted(value))
}
