//! The page as its reader takes it: numbered steps, and blocks to copy, some of them for some readers only.

use std::collections::BTreeSet;

/// What a block can be headed with: **Azure, Lambda:** is for those who are both.
const READERS: [&str; 6] = ["Azure", "Google", "OIDC", "AWS provider", "Lambda", "EC2"];

#[derive(Debug)]
pub struct Block {
    /// `5. AWS`
    pub heading: String,
    pub readers: BTreeSet<String>,
    pub text: String,
}

impl Block {
    pub fn is_for(&self, reader: &[&str]) -> bool {
        self.readers.iter().all(|one| reader.contains(&one.as_str()))
    }
}

/// The `sh` blocks between a heading and the next of its kind.
pub fn blocks(page: &str, section: &str) -> Vec<Block> {
    let level = section.split(' ').next().expect("a heading");
    let mut lines = page.lines().skip_while(|line| *line != section);
    assert_eq!(lines.next(), Some(section), "the page has it");
    let within = lines.take_while(|line| !line.starts_with(&format!("{level} ")));

    let (mut blocks, mut heading, mut readers) = (Vec::new(), String::new(), BTreeSet::new());
    let mut open: Option<Vec<&str>> = None;
    for line in within {
        if let Some(text) = &mut open {
            if line == "```" {
                let text = open.take().unwrap_or_default().join("\n");
                blocks.push(Block { heading: heading.clone(), readers: std::mem::take(&mut readers), text });
            } else {
                text.push(line);
            }
        } else if line == "```sh" {
            open = Some(Vec::new());
        } else if let Some(title) = line.strip_prefix(&format!("{level}# ")) {
            heading = title.to_owned();
        } else if let Some(label) = line.strip_prefix("**").and_then(|rest| rest.split_once(":**")) {
            readers = label.0.split(", ").map(str::to_owned).collect();
            let known = readers.iter().all(|one| READERS.contains(&one.as_str()));
            assert!(known, "{heading}: no reader knows whether {label:?} means him");
        }
    }
    assert!(open.is_none(), "a block that is never closed");
    blocks
}
