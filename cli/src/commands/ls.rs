//! `carnet ls`

use crate::args::{Format, Global};
use crate::console::{self, printable};
use crate::failure::Failure;
use crate::location::Location;
use crate::way;
use carnet_federation::config::Env;
use carnet_objects::{ListRequest, Page, list_all};
use futures_util::TryStreamExt as _;
use serde::Serialize;
use std::io::{self, Write};

const EXAMPLES: &str = "\
Examples:
  carnet ls azure://account/container                 the top of a container
  carnet ls azure://account/container/reports/        one folder of it
  carnet ls azure://account/container/re              what begins with `re`
  carnet ls gs://bucket/reports/                      a folder of a bucket
  carnet ls --recursive azure://account/container     everything, however deep
  carnet ls --format json azure://account/container   one JSON object a line";

/// List objects: size, date (UTC) and name
///
/// All pages are streamed, one in memory at a time. Names that go on past a `/` are shown as one
/// line that ends with it, unless --recursive.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// azure://account/container[/prefix] or gs://bucket[/prefix]
    location: Location,
    /// Every object below, not only the first level
    #[arg(short, long)]
    recursive: bool,
    /// ETag, MD5, CRC32C and content type too
    #[arg(short, long)]
    long: bool,
    /// Names asked for in one request; the store's own maximum caps it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    page_size: Option<u32>,
}

pub async fn run(args: &Args, global: &Global, env: &Env) -> Result<(), Failure> {
    let source = way::store(env, &args.location).await?;
    let request = ListRequest {
        prefix: args.location.rest.clone(),
        delimiter: (!args.recursive).then(|| "/".to_owned()),
        page_size: args.page_size,
        ..ListRequest::default()
    };
    let mut out = console::stdout().map_err(Failure::stdout)?;
    let mut pages = std::pin::pin!(list_all(source, request));
    while let Some(page) = pages.try_next().await? {
        let written = match global.format {
            Format::Json => write_json(&mut out, &page),
            Format::Text => write_text(&mut out, &page, args.long),
        };
        written.and_then(|()| out.flush()).map_err(Failure::stdout)?;
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Prefix {
        prefix: &'a str,
    },
    Object {
        key: &'a str,
        size: u64,
        last_modified: Option<String>,
        etag: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        content_type: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        md5: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        crc32c: Option<String>,
    },
    /// A name the store holds but this program does not ask for.
    Unaddressable {
        unaddressable: &'a str,
    },
}

fn write_json(out: &mut impl Write, page: &Page) -> io::Result<()> {
    let prefixes = page.prefixes.iter().map(|prefix| Line::Prefix { prefix });
    let objects = page.objects.iter().map(|object| Line::Object {
        key: object.key.as_str(),
        size: object.size,
        last_modified: console::rfc3339(object.last_modified),
        etag: object.version.as_str(),
        content_type: object.content_type.as_deref(),
        md5: object.digests.md5_hex(),
        crc32c: object.digests.crc32c_hex(),
    });
    let odd = page.unaddressable.iter().map(|unaddressable| Line::Unaddressable { unaddressable });
    for line in prefixes.chain(objects).chain(odd) {
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Aligned within a page: to align all of them, all would have to be in memory.
fn write_text(out: &mut impl Write, page: &Page, long: bool) -> io::Result<()> {
    const DATE: usize = "2026-11-21 22:31:38".len();
    let size = page.objects.iter().map(|object| object.size.to_string().len()).max().unwrap_or(0).max(12);
    let blank = if long { format!("{:20}  {:32}  {:8}  {:24}  ", "", "", "", "") } else { String::new() };
    for prefix in &page.prefixes {
        writeln!(out, "{:size$}  {:DATE$}  {blank}{}", "", "", printable(prefix))?;
    }
    for object in &page.objects {
        write!(out, "{:size$}  {}  ", object.size, console::date(object.last_modified))?;
        if long {
            let (md5, crc32c) = (object.digests.md5_hex(), object.digests.crc32c_hex());
            write!(
                out,
                "{:20}  {:32}  {:8}  {:24}  ",
                object.version,
                md5.as_deref().unwrap_or("-"),
                crc32c.as_deref().unwrap_or("-"),
                object.content_type.as_deref().unwrap_or("-")
            )?;
        }
        writeln!(out, "{}", object.key)?;
    }
    for name in &page.unaddressable {
        writeln!(out, "{:>size$}  {:DATE$}  {blank}{}", "not readable", "", printable(name))?;
    }
    Ok(())
}
