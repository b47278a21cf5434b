//! Pieces: sorted records as compressed JSON lines, each file small enough for memory and never
//! changed once it is referred to. Shards of the manifest, receipts and deletions are all of them.

use crate::error::{Result, SyncError};
use crate::listing::KeyRange;
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
    line: Vec<u8>,
    first: Option<String>,
    last: String,
    records: u64,
}

impl Packer {
    pub fn new() -> Self {
        Self {
            // Lines are much alike: the fastest level finds nearly all that there is to find.
            encoder: GzEncoder::new(Vec::new(), Compression::fast()),
            line: Vec::new(),
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
        // The line first: written token by token, each would be a call of the compressor's.
        self.line.clear();
        serde_json::to_writer(&mut self.line, record).map_err(std::io::Error::from)?;
        self.line.push(b'\n');
        Ok(self.encoder.write_all(&self.line)?)
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

/// Writes records, which must ascend, as numbered pieces.
pub struct Pieces<R> {
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

    /// Puts a piece that exists already after those that were written.
    pub async fn take_over(&mut self, piece: Piece) -> Result<()> {
        self.flush().await?;
        self.written.push(piece);
        Ok(())
    }

    /// So many records come next, about, which are to be pieces of about the same size: one that is full
    /// may grow by half before it is two. Cut where it is full, it would leave a tiny one behind it.
    pub(crate) fn cut_evenly(&mut self, records: u64) {
        let usual = Cut::default();
        let most = usual.records + usual.records / 2;
        let all = (self.packer.records + records).max(1);
        let each = if all <= most { most } else { all.div_ceil(all.div_ceil(usual.records)) };
        self.cut = Cut { records: each, bytes: usual.bytes * 2 };
    }

    /// Ends a piece, unless it is small enough to be joined with the next.
    pub(crate) async fn end(&mut self) -> Result<()> {
        if self.packer.records >= Cut::default().records / 2 { self.flush().await } else { Ok(()) }
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

/// Reads pieces as one ascending stream. Where they overlap, as what two tries of one plan left
/// behind, their records are merged, and of two with one name the later piece's is taken. A piece is
/// opened when its turn comes.
pub struct Records<R> {
    state: State,
    range: KeyRange,
    /// By their first names, the next at the end; with their place in what was handed in.
    waiting: Vec<(usize, Piece)>,
    open: Vec<OpenPiece<R>>,
    next: Option<R>,
    ended: bool,
}

struct OpenPiece<R> {
    place: usize,
    lines: Lines<R>,
    left: u64,
    head: R,
}

impl<R: Record> Records<R> {
    pub fn new(state: &State, pieces: Vec<Piece>) -> Self {
        Self::within(state, pieces, KeyRange::default())
    }

    /// Only what lies in a range of names.
    pub fn within(state: &State, pieces: Vec<Piece>, range: KeyRange) -> Self {
        let mut waiting: Vec<_> =
            pieces.into_iter().filter(|piece| range.meets(&piece.first, &piece.last)).enumerate().collect();
        waiting.sort_by(|(_, a), (_, b)| b.first.as_bytes().cmp(a.first.as_bytes()));
        Self { state: state.clone(), range, waiting, open: Vec::new(), next: None, ended: false }
    }

    /// The name of the next record.
    pub async fn peek(&mut self) -> Result<Option<&str>> {
        if self.next.is_none() && !self.ended {
            self.next = self.advance().await?;
            self.ended = self.next.is_none();
        }
        Ok(self.next.as_ref().map(Record::name))
    }

    pub async fn next(&mut self) -> Result<Option<R>> {
        self.peek().await?;
        Ok(self.next.take())
    }

    /// The next record, if it has this name.
    pub async fn take(&mut self, name: &str) -> Result<Option<R>> {
        match self.peek().await? {
            Some(next) if next == name => Ok(self.next.take()),
            _ => Ok(None),
        }
    }

    async fn advance(&mut self) -> Result<Option<R>> {
        loop {
            let Some(record) = self.merged().await? else { return Ok(None) };
            if self.range.holds(record.name()) {
                return Ok(Some(record));
            }
        }
    }

    async fn merged(&mut self) -> Result<Option<R>> {
        let name = loop {
            let least =
                self.open.iter().map(|piece| piece.head.name()).min_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
            let waits = self.waiting.last().map(|(_, piece)| piece.first.as_str());
            match (least, waits) {
                (None, None) => return Ok(None),
                (Some(least), Some(first)) if least.as_bytes() < first.as_bytes() => break least.to_owned(),
                (Some(least), None) => break least.to_owned(),
                _ => self.open_next().await?,
            }
        };
        let mut taken: Option<(usize, R)> = None;
        let mut at = 0;
        while at < self.open.len() {
            if self.open[at].head.name() != name {
                at += 1;
                continue;
            }
            let place = self.open[at].place;
            let record = match self.open[at].step()? {
                Some(record) => {
                    at += 1;
                    record
                }
                None => self.open.swap_remove(at).head,
            };
            if taken.as_ref().is_none_or(|(before, _)| *before < place) {
                taken = Some((place, record));
            }
        }
        Ok(taken.map(|(_, record)| record))
    }

    async fn open_next(&mut self) -> Result<()> {
        let Some((place, piece)) = self.waiting.pop() else { return Ok(()) };
        let mut lines = open::<R>(&self.state, &piece).await?;
        match lines.next()? {
            Some(head) if head.name() == piece.first && piece.records > 0 => {
                self.open.push(OpenPiece { place, lines, left: piece.records - 1, head });
                Ok(())
            }
            _ => Err(lines.corrupt("it begins with another record")),
        }
    }
}

impl<R: Record> OpenPiece<R> {
    /// Goes one record on and gives the one before; `None` if there was no further one.
    fn step(&mut self) -> Result<Option<R>> {
        match self.lines.next()? {
            Some(_) if self.left == 0 => Err(self.lines.corrupt("it has more records than it should")),
            Some(next) if next.name().as_bytes() <= self.head.name().as_bytes() => {
                Err(self.lines.corrupt("its records do not ascend"))
            }
            Some(next) => {
                self.left -= 1;
                Ok(Some(std::mem::replace(&mut self.head, next)))
            }
            None if self.left > 0 => Err(self.lines.corrupt("it has fewer records than it should")),
            None => Ok(None),
        }
    }
}

/// A file that is the one referred to.
async fn open<R: Record>(state: &State, piece: &Piece) -> Result<Lines<R>> {
    let Some((body, _)) = state.get(&piece.path).await? else {
        return Err(SyncError::corrupt(&piece.path, "it is missing"));
    };
    if body.len() as u64 != piece.bytes || Crc32c::of(&body) != piece.crc32c {
        return Err(SyncError::corrupt(&piece.path, "its checksum is another"));
    }
    Ok(Lines::new(&piece.path, body))
}

/// How to refer to a file that nothing refers to yet: all of it is read. `None` if it is gone.
pub(crate) async fn examine<R: Record>(state: &State, path: &str) -> Result<Option<Piece>> {
    let Some((body, _)) = state.get(path).await? else { return Ok(None) };
    let (crc32c, bytes) = (Crc32c::of(&body), body.len() as u64);
    let mut lines = Lines::<R>::new(path, body);
    let mut found: Option<Piece> = None;
    while let Some(record) = lines.next()? {
        let name = record.name();
        let piece = found.get_or_insert_with(|| Piece {
            path: path.to_owned(),
            first: name.to_owned(),
            last: String::new(),
            records: 0,
            bytes,
            crc32c,
        });
        piece.last = name.to_owned();
        piece.records += 1;
    }
    Ok(found)
}
