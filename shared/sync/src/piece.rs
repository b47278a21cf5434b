//! Pieces: sorted records as compressed JSON lines, each file small enough for memory and never
//! changed once it is referred to. Shards of the manifest, receipts and deletions are all of them.

use crate::error::{Result, SyncError};
use crate::state::{SCHEMA, State};
use bytes::{Buf as _, Bytes};
use carnet_objects::sink::Crc32c;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::marker::PhantomData;

/// A line holds one record; keys are at most 1,024 bytes and everything else is shorter.
const MAX_LINE: u64 = 64 * 1024;

/// Records that are sorted by a name which occurs once.
pub trait Record: Serialize + DeserializeOwned {
    fn name(&self) -> &str;
}

/// A file of records, as others refer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// In the state's folder.
    pub path: String,
    pub first: String,
    pub last: String,
    pub records: u64,
    /// As compressed.
    pub bytes: u64,
    #[serde(with = "crate::text::crc32c")]
    pub crc32c: Crc32c,
}

/// Where a piece is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    pub records: u64,
    /// As compressed, about.
    pub bytes: usize,
}

impl Default for Cut {
    fn default() -> Self {
        Self { records: 50_000, bytes: 4 << 20 }
    }
}

/// The path of a numbered piece, with the schema's version: pieces are JSON lines and nothing else,
/// so that other tools read them.
pub(crate) fn path(stem: &str) -> String {
    format!("{stem}.v{SCHEMA}.jsonl.gz")
}

/// The stem of a piece's path, if this program knows its schema.
pub(crate) fn stem(path: &str) -> Result<Option<&str>> {
    let Some(rest) = path.strip_suffix(".jsonl.gz") else { return Ok(None) };
    let Some((stem, version)) = rest.rsplit_once(".v") else { return Ok(None) };
    match version.parse() {
        Ok(found) if found > SCHEMA => Err(SyncError::Newer { what: path.to_owned(), found, known: SCHEMA }),
        Ok(_) => Ok(Some(stem)),
        Err(_) => Ok(None),
    }
}

/// Packs records, which must ascend, into one file.
pub(crate) struct Packer {
    encoder: GzEncoder<Vec<u8>>,
    first: Option<String>,
    last: String,
    records: u64,
}

impl Packer {
    pub fn new() -> Self {
        Self {
            encoder: GzEncoder::new(Vec::new(), Compression::default()),
            first: None,
            last: String::new(),
            records: 0,
        }
    }

    pub fn push<R: Record>(&mut self, record: &R) -> Result<()> {
        let name = record.name();
        if self.first.is_some() && self.last.as_bytes() >= name.as_bytes() {
            return Err(SyncError::Machine(format!("{name:?} was to be written after {:?}", self.last)));
        }
        if self.first.is_none() {
            self.first = Some(name.to_owned());
        }
        name.clone_into(&mut self.last);
        self.records += 1;
        serde_json::to_writer(&mut self.encoder, record).map_err(std::io::Error::from)?;
        Ok(self.encoder.write_all(b"\n")?)
    }

    pub fn is_full(&self, cut: Cut) -> bool {
        self.records >= cut.records || self.encoder.get_ref().len() >= cut.bytes
    }

    /// The file and how to refer to it; `None` if it would be empty.
    pub fn finish(self, path: String) -> Result<Option<(Piece, Bytes)>> {
        let Some(first) = self.first else { return Ok(None) };
        let body = Bytes::from(self.encoder.finish()?);
        let crc32c = Crc32c::of(&body);
        let piece =
            Piece { path, first, last: self.last, records: self.records, bytes: body.len() as u64, crc32c };
        Ok(Some((piece, body)))
    }
}

/// Writes records as numbered pieces.
pub(crate) struct Pieces<R> {
    state: State,
    /// Before the number.
    prefix: String,
    cut: Cut,
    packer: Packer,
    written: Vec<Piece>,
    record: PhantomData<fn(R)>,
}

impl<R: Record> Pieces<R> {
    pub fn new(state: &State, prefix: impl Into<String>, cut: Cut) -> Self {
        Self {
            state: state.clone(),
            prefix: prefix.into(),
            cut,
            packer: Packer::new(),
            written: Vec::new(),
            record: PhantomData,
        }
    }

    pub async fn push(&mut self, record: &R) -> Result<()> {
        self.packer.push(record)?;
        if self.packer.is_full(self.cut) {
            self.flush().await?;
        }
        Ok(())
    }

    pub async fn finish(mut self) -> Result<Vec<Piece>> {
        self.flush().await?;
        Ok(self.written)
    }

    async fn flush(&mut self) -> Result<()> {
        let packer = std::mem::replace(&mut self.packer, Packer::new());
        let path = path(&format!("{}{:06}", self.prefix, self.written.len()));
        if let Some((piece, body)) = packer.finish(path)? {
            store(&self.state, &piece, body).await?;
            self.written.push(piece);
        }
        Ok(())
    }
}

pub(crate) async fn store(state: &State, piece: &Piece, body: Bytes) -> Result<()> {
    state.replace(&piece.path, body, "application/gzip").await
}

/// The records of one file, decompressed as they are asked for.
pub(crate) struct Lines<R> {
    path: String,
    reader: BufReader<MultiGzDecoder<bytes::buf::Reader<Bytes>>>,
    line: Vec<u8>,
    record: PhantomData<fn() -> R>,
}

impl<R: Record> Lines<R> {
    pub fn new(path: impl Into<String>, body: Bytes) -> Self {
        let reader = BufReader::with_capacity(32 * 1024, MultiGzDecoder::new(body.reader()));
        Self { path: path.into(), reader, line: Vec::new(), record: PhantomData }
    }

    pub fn next(&mut self) -> Result<Option<R>> {
        self.line.clear();
        let read = (&mut self.reader).take(MAX_LINE).read_until(b'\n', &mut self.line);
        let length = read.map_err(|error| self.corrupt(&error.to_string()))?;
        if length == 0 {
            return Ok(None);
        }
        if self.line.last() != Some(&b'\n') {
            return Err(self.corrupt("a line has no end"));
        }
        serde_json::from_slice(&self.line).map(Some).map_err(|error| self.corrupt(&error.to_string()))
    }

    fn corrupt(&self, why: &str) -> SyncError {
        SyncError::corrupt(&self.path, why)
    }
}

/// Reads pieces that follow each other as one ascending stream, one of them in memory at a time.
pub(crate) struct Records<R> {
    state: State,
    waiting: std::vec::IntoIter<Piece>,
    current: Option<(Lines<R>, u64)>,
    last: Option<String>,
}

impl<R: Record> Records<R> {
    pub fn new(state: &State, pieces: Vec<Piece>) -> Self {
        Self { state: state.clone(), waiting: pieces.into_iter(), current: None, last: None }
    }

    pub async fn next(&mut self) -> Result<Option<R>> {
        loop {
            let Some((lines, left)) = &mut self.current else {
                let Some(piece) = self.waiting.next() else { return Ok(None) };
                self.current = Some((open(&self.state, &piece).await?, piece.records));
                continue;
            };
            match lines.next()? {
                Some(record) => {
                    *left = left.checked_sub(1).ok_or_else(|| lines.corrupt("it has more records than it should"))?;
                    let name = record.name();
                    if self.last.as_deref().is_some_and(|last| last.as_bytes() >= name.as_bytes()) {
                        return Err(lines.corrupt("its records do not ascend"));
                    }
                    self.last = Some(name.to_owned());
                    return Ok(Some(record));
                }
                None if *left > 0 => return Err(lines.corrupt("it has fewer records than it should")),
                None => self.current = None,
            }
        }
    }
}

/// A file that is the one referred to.
pub(crate) async fn open<R: Record>(state: &State, piece: &Piece) -> Result<Lines<R>> {
    let Some((body, _)) = state.get(&piece.path).await? else {
        return Err(SyncError::corrupt(&piece.path, "it is missing"));
    };
    if body.len() as u64 != piece.bytes || Crc32c::of(&body) != piece.crc32c {
        return Err(SyncError::corrupt(&piece.path, "its checksum is another"));
    }
    Ok(Lines::new(&piece.path, body))
}
