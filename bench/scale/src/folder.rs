//! A destination in a folder, so that the memory of a step is the engine's own: the files of the state
//! are kept on disk, the objects that are copied are only looked at. Every call is counted.
//!
//! One process writes at a time, which is why looking before writing is enough.

use bytes::Bytes;
use carnet_objects::sink::{
    Attributes, CompleteRequest, Condition, Crc32c, Deletion, Entry, EntryPage, Got, Part, PartPage,
    PutRequest, SinkListRequest, SinkObject, Upload, UploadMarker, UploadPage, WriteOutcome, Written,
};
use carnet_objects::{BoxFuture, ByteStream, Error, Hop, Key, Kind, ObjectSink, PageToken, Result, Version};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

/// As S3 has it.
const PAGE: usize = 1000;

/// Calls by what they are billed as, and bytes that were sent.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Calls {
    pub objects_put: u64,
    pub state_put: u64,
    pub state_put_bytes: u64,
    pub get: u64,
    pub get_bytes: u64,
    pub list: u64,
    pub delete: u64,
}

pub struct Folder {
    root: PathBuf,
    /// What is kept; all else only arrives.
    state: String,
    calls: Mutex<Calls>,
}

impl Folder {
    pub fn new(root: &Path, state: &str) -> Self {
        Self { root: root.to_owned(), state: state.to_owned(), calls: Mutex::default() }
    }

    pub fn calls(&self) -> Calls {
        self.counted(|calls| calls.clone())
    }

    fn counted<T>(&self, count: impl FnOnce(&mut Calls) -> T) -> T {
        // Nothing panics while it is held.
        count(&mut self.calls.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    fn read(&self, key: &Key) -> Result<Option<(Bytes, Version)>> {
        match std::fs::read(self.root.join(key.as_str())) {
            Ok(body) => {
                let version = version(Crc32c::of(&body))?;
                Ok(Some((body.into(), version)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(broken(Hop::Read, &error)),
        }
    }

    fn write(&self, key: &Key, body: &[u8], request: &PutRequest) -> Result<WriteOutcome> {
        let met = match &request.condition {
            Condition::None => true,
            Condition::Absent => self.read(key)?.is_none(),
            Condition::Unchanged(known) => self.read(key)?.is_some_and(|(_, version)| version == *known),
        };
        if !met {
            return Ok(WriteOutcome::Unmet);
        }
        let path = self.root.join(key.as_str());
        let write = || {
            std::fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
            std::fs::write(&path, body)
        };
        write().map_err(|error| broken(Hop::Write, &error))?;
        written(request.crc32c, version(request.crc32c)?)
    }

    /// The next names after one, below a prefix, without looking where they cannot be.
    fn names(&self, request: &SinkListRequest) -> std::io::Result<Vec<(String, u64)>> {
        let token = request.page_token.as_ref().map(|token| token.as_str().to_owned());
        let after = token.or(request.start_after.clone()).unwrap_or_default();
        let mut found = BTreeSet::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let entries = match std::fs::read_dir(self.root.join(&folder)) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let name = format!("{folder}{}", entry.file_name().to_string_lossy());
                if entry.file_type()?.is_dir() {
                    let below = format!("{name}/");
                    let met = below.starts_with(&request.prefix) || request.prefix.starts_with(&below);
                    if met && (below > after || after.starts_with(&below)) {
                        folders.push(below);
                    }
                } else if name.starts_with(&request.prefix) && name > after {
                    found.insert(name);
                    if found.len() > PAGE {
                        found.pop_last();
                    }
                }
            }
        }
        found
            .into_iter()
            .map(|name| std::fs::metadata(self.root.join(&name)).map(|file| (name, file.len())))
            .collect()
    }
}

fn broken(hop: Hop, error: &std::io::Error) -> Error {
    Error::new(hop, Kind::Malformed, "folder", error.to_string())
}

fn version(crc32c: Crc32c) -> Result<Version> {
    let tag = format!("{crc32c}");
    Version::parse(&tag).map_err(|error| Error::new(Hop::Read, Kind::Malformed, "folder", error.to_string()))
}

/// As long, and as much by chance, as an entity tag of S3.
fn entity_tag(key: &Key, crc32c: Crc32c) -> Result<Version> {
    let mut tag = String::new();
    for salt in [3u64, 5, 7, 11] {
        let sum = Crc32c::of(&salt.to_le_bytes()).append(key.as_str().as_bytes()).as_u32() ^ crc32c.as_u32();
        let word = (u64::from(sum) + salt).wrapping_mul(0xd6e8_feb8_6659_fd93);
        tag.push_str(&format!("{:08x}", (word >> 32) as u32));
    }
    Version::parse(&tag).map_err(|error| Error::new(Hop::Write, Kind::Malformed, "folder", error.to_string()))
}

fn written(crc32c: Crc32c, version: Version) -> Result<WriteOutcome> {
    Ok(WriteOutcome::Written(Written { version, version_id: None, crc32c: Some(crc32c), request_id: None }))
}

fn unused<'a, T: Send + 'a>(what: &str) -> BoxFuture<'a, Result<T>> {
    let error = Error::new(Hop::Write, Kind::Malformed, "folder", format!("{what}: nothing here is big"));
    Box::pin(std::future::ready(Err(error)))
}

impl ObjectSink for Folder {
    fn target(&self) -> &str {
        "folder"
    }

    fn head<'a>(&'a self, _: &'a Key) -> BoxFuture<'a, Result<Option<SinkObject>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn get<'a>(&'a self, key: &'a Key, _: Option<&'a Version>, _: usize) -> BoxFuture<'a, Result<Got>> {
        Box::pin(async move {
            let Some((body, version)) = self.read(key)? else {
                self.counted(|calls| calls.get += 1);
                return Ok(Got::Missing);
            };
            self.counted(|calls| {
                calls.get += 1;
                calls.get_bytes += body.len() as u64;
            });
            let object = Box::new(SinkObject {
                key: key.clone(),
                size: body.len() as u64,
                version,
                last_modified: SystemTime::UNIX_EPOCH,
                crc32c: None,
                attributes: Attributes::default(),
            });
            Ok(Got::Object { object, body })
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a Key,
        body: Bytes,
        request: &'a PutRequest,
    ) -> BoxFuture<'a, Result<WriteOutcome>> {
        Box::pin(async move {
            if key.as_str().starts_with(&self.state) {
                self.counted(|calls| {
                    calls.state_put += 1;
                    calls.state_put_bytes += body.len() as u64;
                });
                return self.write(key, &body, request);
            }
            self.counted(|calls| calls.objects_put += 1);
            written(request.crc32c, entity_tag(key, request.crc32c)?)
        })
    }

    fn begin_upload<'a>(&'a self, _: &'a Key, _: &'a Attributes) -> BoxFuture<'a, Result<Upload>> {
        unused("begin_upload")
    }

    fn put_part<'a>(&'a self, _: &'a Upload, _: u32, _: u64, _: ByteStream) -> BoxFuture<'a, Result<Part>> {
        unused("put_part")
    }

    fn list_parts<'a>(&'a self, _: &'a Upload, _: Option<u32>) -> BoxFuture<'a, Result<PartPage>> {
        unused("list_parts")
    }

    fn complete<'a>(
        &'a self,
        _: &'a Upload,
        _: &'a [Part],
        _: &'a CompleteRequest,
    ) -> BoxFuture<'a, Result<WriteOutcome>> {
        unused("complete")
    }

    fn abort<'a>(&'a self, _: &'a Upload) -> BoxFuture<'a, Result<()>> {
        unused("abort")
    }

    fn list_uploads<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a UploadMarker>,
    ) -> BoxFuture<'a, Result<UploadPage>> {
        unused("list_uploads")
    }

    fn delete<'a>(&'a self, key: &'a Key, _: Option<&'a Version>) -> BoxFuture<'a, Result<Deletion>> {
        Box::pin(async move {
            self.counted(|calls| calls.delete += 1);
            match std::fs::remove_file(self.root.join(key.as_str())) {
                Ok(()) => Ok(Deletion::Deleted),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(Deletion::Gone),
                Err(error) => Err(broken(Hop::Write, &error)),
            }
        })
    }

    fn list<'a>(&'a self, request: &'a SinkListRequest) -> BoxFuture<'a, Result<EntryPage>> {
        Box::pin(async move {
            self.counted(|calls| calls.list += 1);
            let names = self.names(request).map_err(|error| broken(Hop::List, &error))?;
            let next = match names.last() {
                Some((last, _)) if names.len() == PAGE => Some(PageToken::new(last.as_str())),
                _ => None,
            };
            let mut page = EntryPage { next, ..EntryPage::default() };
            for (name, size) in names {
                let key = Key::parse(&name).map_err(|why| {
                    Error::new(Hop::List, Kind::Malformed, "folder", format!("{name}: {why}"))
                })?;
                let version = version(Crc32c::EMPTY)?;
                page.objects.push(Entry { key, size, version, last_modified: SystemTime::UNIX_EPOCH });
            }
            Ok(page)
        })
    }
}
