//! A folder's files in the order a store lists them, from any name on.
//!
//! Directories are read only as the walk reaches them, so that a page costs what lies on it.

use super::files;
use std::cmp::Ordering;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// How a store sorts names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// By bytes.
    Lexical,
    /// By bytes, but `/` before every other: what lies in a directory follows it at once.
    SlashFirst,
}

impl Order {
    pub(crate) fn compare(self, left: &str, right: &str) -> Ordering {
        match self {
            Order::Lexical => left.cmp(right),
            // No name holds a NUL, so that its place is free.
            Order::SlashFirst => left.bytes().map(slash_first).cmp(right.bytes().map(slash_first)),
        }
    }
}

fn slash_first(byte: u8) -> u8 {
    if byte == b'/' { 0 } else { byte }
}

pub(crate) struct Wanted<'a> {
    pub prefix: &'a str,
    /// What lies before this name is left out.
    pub from: &'a str,
    /// The walk ends before this name.
    pub until: Option<&'a str>,
    /// Whether to stop at each `/` after the prefix.
    pub by_level: bool,
    /// Whether directories are things of their own.
    pub directories: bool,
    pub order: Order,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Blob {
        name: String,
        path: PathBuf,
    },
    Directory {
        name: String,
        path: PathBuf,
    },
    /// Ends in `/`.
    Level {
        prefix: String,
    },
}

pub(crate) type Each<'a> = &'a mut dyn FnMut(Found) -> io::Result<ControlFlow<()>>;

pub(crate) fn walk(root: &Path, wanted: &Wanted<'_>, each: Each<'_>) -> io::Result<()> {
    visit(root, "", wanted, each).map(|_| ())
}

/// `within` is the directory's name as blobs have it: empty or ending in `/`.
fn visit(directory: &Path, within: &str, wanted: &Wanted<'_>, each: Each<'_>) -> io::Result<ControlFlow<()>> {
    for (name, path, is_directory) in sorted(directory, within, wanted.order)? {
        let flow = if is_directory {
            visit_directory(&path, &name, wanted, each)?
        } else if wanted.is_past(&name) {
            ControlFlow::Break(())
        } else if wanted.takes(&name) {
            each(Found::Blob { name, path })?
        } else {
            ControlFlow::Continue(())
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn visit_directory(
    path: &Path,
    name: &str,
    wanted: &Wanted<'_>,
    each: Each<'_>,
) -> io::Result<ControlFlow<()>> {
    if wanted.is_past(name) {
        return Ok(ControlFlow::Break(()));
    }
    if !wanted.may_hold(name) {
        return Ok(ControlFlow::Continue(()));
    }
    if wanted.by_level
        && !wanted.is_bound_within(name)
        && name.len() > wanted.prefix.len()
        && name.starts_with(wanted.prefix)
    {
        // Without a namespace of its own a directory exists only through the blobs in it.
        return match wanted.directories || holds_a_file(path)? {
            true => each(Found::Level { prefix: name.to_owned() }),
            false => Ok(ControlFlow::Continue(())),
        };
    }
    let own = name.trim_end_matches('/');
    if wanted.directories && wanted.takes(own) {
        let flow = each(Found::Directory { name: own.to_owned(), path: path.to_path_buf() })?;
        if flow.is_break() {
            return Ok(flow);
        }
    }
    visit(path, name, wanted, each)
}

impl Wanted<'_> {
    fn takes(&self, name: &str) -> bool {
        name.starts_with(self.prefix) && self.order.compare(name, self.from) != Ordering::Less
    }

    fn is_past(&self, name: &str) -> bool {
        self.until.is_some_and(|until| self.order.compare(name, until) != Ordering::Less)
    }

    /// Whether the walk begins or ends inside a directory: then it must be looked into, to know
    /// whether it holds anything between.
    fn is_bound_within(&self, directory: &str) -> bool {
        let within = |bound: &str| bound.len() > directory.len() && bound.starts_with(directory);
        !self.directories && (within(self.from) || self.until.is_some_and(within))
    }

    fn may_hold(&self, directory: &str) -> bool {
        let under_prefix = directory.starts_with(self.prefix) || self.prefix.starts_with(directory);
        let reaches_from =
            self.from.starts_with(directory) || self.order.compare(directory, self.from) != Ordering::Less;
        under_prefix && reaches_from
    }
}

/// Full names, with the `/` that makes a directory sort where its contents do.
fn sorted(directory: &Path, within: &str, order: Order) -> io::Result<Vec<(String, PathBuf, bool)>> {
    let mut entries: Vec<_> = files::entries(directory)?
        .into_iter()
        .map(|(name, is_directory)| {
            let path = directory.join(&name);
            let slash = if is_directory { "/" } else { "" };
            (format!("{within}{name}{slash}"), path, is_directory)
        })
        .collect();
    entries.sort_unstable_by(|left, right| order.compare(&left.0, &right.0));
    Ok(entries)
}

fn holds_a_file(directory: &Path) -> io::Result<bool> {
    for (name, is_directory) in files::entries(directory)? {
        if !is_directory || holds_a_file(&directory.join(name))? {
            return Ok(true);
        }
    }
    Ok(false)
}
