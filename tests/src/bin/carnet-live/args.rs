//! The command line. Its help is `cargo xtask live --help`'s.

use crate::report::Format;
use lexopt::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Checks that can be asked for on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Functions,
    Api,
    Machine,
}

pub const GROUPS: [(Group, &str); 3] =
    [(Group::Functions, "functions"), (Group::Api, "api"), (Group::Machine, "machine")];

#[derive(Debug)]
pub struct Args {
    pub config: PathBuf,
    pub stage: Option<String>,
    pub region: Option<String>,
    /// By function; `None` is for all that have none of their own.
    pub apis: BTreeMap<Option<String>, String>,
    /// Empty: all.
    pub only: Vec<Group>,
    /// Key by place.
    pub objects: BTreeMap<String, String>,
    /// The instance that this machine is taken for.
    pub instance: Option<String>,
    pub format: Format,
}

impl Args {
    pub fn parse(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut args = Self {
            config: "carnet.toml".into(),
            stage: None,
            region: None,
            apis: BTreeMap::new(),
            only: Vec::new(),
            objects: BTreeMap::new(),
            instance: None,
            format: Format::Text,
        };
        while let Some(argument) = parser.next()? {
            match argument {
                Long("config") => args.config = parser.value()?.into(),
                Long("stage") => args.stage = Some(parser.value()?.string()?),
                Long("region") => args.region = Some(parser.value()?.string()?),
                Long("api") => {
                    let (function, url) = api(&parser.value()?.string()?);
                    args.apis.insert(function, url);
                }
                Long("only") => {
                    for name in parser.value()?.string()?.split(',') {
                        args.only.push(group(name)?);
                    }
                }
                Long("object") => {
                    let text = parser.value()?.string()?;
                    let (place, key) = text
                        .split_once('/')
                        .filter(|(place, key)| !place.is_empty() && !key.is_empty())
                        .ok_or_else(|| format!("--object {text:?}: it is PLACE/KEY"))?;
                    args.objects.insert(place.to_owned(), key.to_owned());
                }
                Long("as") => args.instance = Some(parser.value()?.string()?),
                Long("format") => args.format = format_named(&parser.value()?.string()?)?,
                other => return Err(other.unexpected()),
            }
        }
        Ok(args)
    }
}

/// `URL` or `FUNCTION=URL`. No function's name has a colon, so the `=` of a URL is none of ours.
fn api(text: &str) -> (Option<String>, String) {
    match text.split_once('=') {
        Some((function, url)) if !function.contains(':') => (Some(function.to_owned()), url.to_owned()),
        _ => (None, text.to_owned()),
    }
}

fn group(name: &str) -> Result<Group, String> {
    let named = GROUPS.iter().find(|(_, known)| *known == name);
    let known = GROUPS.map(|(_, name)| name).join(", ");
    named.map(|(group, _)| *group).ok_or_else(|| format!("there are no checks {name:?}; there are {known}"))
}

fn format_named(name: &str) -> Result<Format, String> {
    match name {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        other => Err(format!("--format {other:?}: it is text or json")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Args, String> {
        let arguments = std::iter::once(&"live").chain(arguments);
        Args::parse(lexopt::Parser::from_iter(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_api_is_for_all_functions_or_for_one() {
        let args = parsed(&["--api", "https://a.example/live/?x=y", "--api", "gcs-api=https://b.example"]);
        let apis = args.unwrap().apis;
        assert_eq!(apis[&None], "https://a.example/live/?x=y");
        assert_eq!(apis[&Some("gcs-api".to_owned())], "https://b.example");
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (arguments, named) in [
            (["--only", "functions,apis"], "\"apis\""),
            (["--object", "assets"], "PLACE/KEY"),
            (["--format", "yaml"], "\"yaml\""),
            (["--fast", ""], "--fast"),
        ] {
            let error = parsed(&arguments).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
