//! `docs/troubleshooting.md` against the hints that point into it, both ways: an error that links
//! to no row helps nobody, and a row that no error links to is never read.

use carnet_federation::hints::{self, Hint, Remedy};
use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = include_str!("../../../docs/troubleshooting.md");
/// Where the API's problem types are made. Read as text: this crate lies below that one.
const PROBLEMS: &str = include_str!("../../object-api/src/problem.rs");

/// What every row answers, in this order.
const SECTIONS: [&str; 7] = ["Says", "At fault", "Compare", "Fix", "Look in", "Takes effect", "Source"];

#[test]
fn every_hint_has_its_row_and_every_row_its_hint() {
    let rows: BTreeSet<String> = rows().into_keys().collect();
    let linked: BTreeSet<String> = hints::all().map(|hint| hint.anchor.to_owned()).collect();
    let missing: Vec<_> = linked.difference(&rows).collect();
    let unread: Vec<_> = rows.difference(&linked).collect();
    assert!(missing.is_empty(), "hints without a row: {missing:?}");
    assert!(unread.is_empty(), "rows that no error links to: {unread:?}");
}

#[test]
fn every_row_has_its_sections() {
    for (anchor, row) in rows() {
        let found: Vec<&str> = row.lines().filter_map(section_name).collect();
        assert_eq!(found, SECTIONS, "sections of #{anchor}");
        for name in SECTIONS {
            assert!(!section(row, name).is_empty(), "#{anchor}: {name} is empty");
        }
        assert!(section(row, "Fix").contains("```sh\n"), "#{anchor}: no command to copy");
        let source = section(row, "Source");
        assert!(source.contains("](https://"), "#{anchor}: no vendor's document");
    }
}

/// The message and the page name the same field.
#[test]
fn every_row_blames_the_field_of_its_hint() {
    let rows = rows();
    for hint in hints::all() {
        let Some(row) = rows.get(hint.anchor) else { continue };
        let blamed = section(row, "At fault");
        let expected = hint.field.unwrap_or("none");
        assert!(blamed.starts_with(expected), "#{}: {blamed:?}, not {expected:?}", hint.anchor);
    }
}

/// What is tried again because it may be spreading is said to take its time.
#[test]
fn what_may_be_spreading_says_how_long_it_takes() {
    let rows = rows();
    for Hint { anchor, .. } in hints::all().filter(|hint| hint.remedy == Remedy::MaySpread) {
        let Some(row) = rows.get(*anchor) else { continue };
        let takes = section(row, "Takes effect");
        assert!(takes.contains("minutes") && takes.contains("CARNET_SPREADING_WINDOW_SECONDS"), "#{anchor}");
    }
}

#[test]
fn every_problem_type_of_the_api_is_explained_with_its_status() {
    let made: BTreeSet<(&str, &str)> = PROBLEMS
        .split("Self::new(")
        .skip(1)
        .filter_map(|call| {
            let (status, rest) = call.split_once(", \"")?;
            Some((rest.split_once('"')?.0, status))
        })
        .collect();
    let explained: BTreeSet<(&str, &str)> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| `urn:carnet:problem:")?.split_once("` | "))
        .filter_map(|(slug, rest)| Some((slug, rest.split_once(" |")?.0)))
        .collect();
    assert!(made.len() > 10, "problem.rs is no longer read as it is written: {made:?}");
    assert_eq!(made, explained);
}

#[test]
fn links_within_the_page_lead_somewhere() {
    let anchors: BTreeSet<String> = headings(PAGE).into_iter().map(|heading| heading.anchor).collect();
    for link in PAGE.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(anchors.contains(link), "#{link} is no heading");
    }
}

#[test]
fn anchors_follow_githubs_rules() {
    let anchors: Vec<String> = headings(
        "# Which field is wrong?\n## `AADSTS1` & co_2\n```\n# no heading\n```\n### Clock\n### Clock\n",
    )
    .into_iter()
    .map(|heading| heading.anchor)
    .collect();
    assert_eq!(anchors, ["which-field-is-wrong", "aadsts1--co_2", "clock", "clock-1"]);
}

struct Heading {
    level: usize,
    anchor: String,
    /// Where its text begins in the page.
    from: usize,
    /// Where its own line begins.
    line: usize,
}

/// Third-level headings are rows: anchor to text.
fn rows() -> BTreeMap<String, &'static str> {
    let headings = headings(PAGE);
    let ends = headings.iter().skip(1).map(|next| next.line).chain([PAGE.len()]);
    headings
        .iter()
        .zip(ends)
        .filter(|(heading, _)| heading.level == 3)
        .map(|(heading, end)| (heading.anchor.clone(), &PAGE[heading.from..end]))
        .collect()
}

fn headings(page: &str) -> Vec<Heading> {
    let mut headings = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let (mut at, mut fenced) = (0, false);
    for line in page.split_inclusive('\n') {
        let (start, level) = (at, line.bytes().take_while(|byte| *byte == b'#').count());
        at += line.len();
        fenced ^= line.trim_start().starts_with("```");
        if fenced || level == 0 || !line[level..].starts_with(' ') {
            continue;
        }
        let base = anchor(line[level..].trim());
        let count = seen.entry(base.clone()).or_default();
        let anchor = if *count == 0 { base } else { format!("{base}-{count}") };
        *count += 1;
        headings.push(Heading { level, anchor, from: at, line: start });
    }
    headings
}

/// GitHub's: lower case, letters, digits, `-` and `_` stay, a space becomes a hyphen, all else goes.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c),
            _ => None,
        })
        .collect()
}

/// The name in `- **Name:** text`.
fn section_name(line: &str) -> Option<&str> {
    line.strip_prefix("- **")?.split_once(":**").map(|(name, _)| name)
}

/// The text of one section of a row.
fn section<'r>(row: &'r str, name: &str) -> &'r str {
    let label = format!("- **{name}:**");
    let text = row.split_once(label.as_str()).map_or("", |(_, rest)| rest);
    text.split("\n- **").next().unwrap_or_default().trim()
}
