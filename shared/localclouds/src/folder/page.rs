//! One page of a listing.

use super::walk::{Found, Order, Wanted, walk};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

pub(crate) struct Bounds<'a> {
    pub prefix: &'a str,
    /// Names that go on past this are folded into prefixes.
    pub delimiter: Option<&'a str>,
    /// The page begins here, at the earliest.
    pub from: &'a str,
    /// The listing ends before this name.
    pub until: Option<&'a str>,
    pub limit: usize,
    /// Whether directories are things of their own.
    pub directories: bool,
    pub order: Order,
}

#[derive(Default)]
pub(crate) struct Page {
    pub entries: Vec<Entry>,
    /// Where the next page begins.
    pub next: Option<String>,
}

pub(crate) enum Entry {
    File { name: String, path: PathBuf },
    Directory { name: String, path: PathBuf },
    Prefix { name: String },
}

pub(crate) fn page(folder: &Path, bounds: &Bounds<'_>) -> io::Result<Page> {
    let wanted = Wanted {
        prefix: bounds.prefix,
        from: bounds.from,
        until: bounds.until,
        by_level: bounds.delimiter == Some("/"),
        directories: bounds.directories,
        order: bounds.order,
    };
    let mut page = Page::default();
    walk(folder, &wanted, &mut |found| Ok(page.take(found, bounds)))?;
    Ok(page)
}

impl Page {
    fn take(&mut self, found: Found, bounds: &Bounds<'_>) -> ControlFlow<()> {
        let entry = bounds.fold(found);
        if let (Some(Entry::Prefix { name: last }), Entry::Prefix { name }) = (self.entries.last(), &entry)
            && last == name
        {
            return ControlFlow::Continue(());
        }
        if self.entries.len() == bounds.limit {
            let (Entry::File { name, .. } | Entry::Directory { name, .. } | Entry::Prefix { name }) = entry;
            self.next = Some(name);
            return ControlFlow::Break(());
        }
        self.entries.push(entry);
        ControlFlow::Continue(())
    }
}

impl Bounds<'_> {
    fn fold(&self, found: Found) -> Entry {
        let (Found::Blob { name, .. } | Found::Directory { name, .. } | Found::Level { prefix: name }) =
            &found;
        match (self.common_prefix(name), found) {
            (_, Found::Level { prefix }) => Entry::Prefix { name: prefix },
            (Some(name), _) => Entry::Prefix { name },
            (None, Found::Blob { name, path }) => Entry::File { name, path },
            (None, Found::Directory { name, path }) => Entry::Directory { name, path },
        }
    }

    /// Up to and with the first delimiter after the prefix.
    fn common_prefix(&self, name: &str) -> Option<String> {
        let at = name[self.prefix.len()..].find(self.delimiter?)?;
        Some(name[..self.prefix.len() + at + self.delimiter?.len()].to_owned())
    }
}
