//! Bytes that come in, digested as they do, and go out.
//!
//! Small bodies stay in memory; larger ones go to a file of their own, which is gone with the last
//! object, part or reader that needs it. An object that was put together from parts is their files,
//! one after the other: nothing is copied.

use super::checksum::{self, Algorithm, Sum};
use super::error;
use crate::folder::stream::read_at;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream};
use md5::{Digest as _, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3Result};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;

/// Bodies up to this size stay in memory.
const SMALL: usize = 256 << 10;
/// How much is written to and read from a file at a time.
const STEP: usize = 512 << 10;

/// Bytes that follow each other.
#[derive(Clone)]
pub(super) enum Piece {
    Memory(Bytes),
    File(Arc<BodyFile>, u64),
}

pub(super) struct BodyFile(PathBuf);

impl Drop for BodyFile {
    fn drop(&mut self) {
        // A file that is left behind goes with its folder.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Piece::Memory(bytes) => bytes.len() as u64,
            Piece::File(_, length) => *length,
        }
    }
}

/// A body that has arrived.
pub(super) struct Received {
    pub piece: Piece,
    pub size: u64,
    pub md5: [u8; 16],
    /// One of each algorithm that was asked for.
    pub sums: Vec<Sum>,
}

impl Received {
    pub(super) fn sum(&self, algorithm: Algorithm) -> Sum {
        let found = self.sums.iter().find(|sum| sum.algorithm == algorithm).cloned();
        // Whoever asks asked for it before.
        found.unwrap_or(Sum { algorithm, value: String::new() })
    }
}

/// Takes a body in, at most `limit` bytes of it.
pub(super) async fn receive(
    folder: &Path,
    body: Option<StreamingBlob>,
    algorithms: &[Algorithm],
    limit: u64,
) -> S3Result<Received> {
    let (mut md5, mut hasher) = (Md5::new(), checksum::hasher(algorithms));
    let (mut size, mut buffer) = (0, BytesMut::new());
    let mut spilled: Option<Spilled> = None;
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|why| broken(why.as_ref()))?;
            size += chunk.len() as u64;
            if size > limit {
                return Err(error::too_large());
            }
            md5.update(&chunk);
            hasher.update(&chunk);
            buffer.extend_from_slice(&chunk);
            if buffer.len() > SMALL.max(STEP) {
                let file = match &mut spilled {
                    Some(file) => file,
                    none => none.insert(Spilled::new(folder).await?),
                };
                file.write(&buffer).await?;
                buffer.clear();
            }
        }
    }
    let piece = match spilled {
        None => Piece::Memory(buffer.freeze()),
        Some(mut file) => {
            file.write(&buffer).await?;
            Piece::File(file.finish().await?, size)
        }
    };
    let sums = checksum::finish(algorithms, hasher);
    Ok(Received { piece, size, md5: md5.finalize().into(), sums })
}

/// The body ended otherwise than it should: by its signature, or by the connection.
fn broken(why: &(dyn std::error::Error + 'static)) -> S3Error {
    // The type is not to be had from outside; its words are.
    if why.to_string().contains("Sha256Mismatch") { error::wrong_sha256() } else { error::incomplete() }
}

struct Spilled {
    file: tokio::fs::File,
    kept: BodyFile,
}

impl Spilled {
    async fn new(folder: &Path) -> S3Result<Self> {
        tokio::fs::create_dir_all(folder).await.map_err(S3Error::internal_error)?;
        let path = folder.join(uuid::Uuid::new_v4().simple().to_string());
        let file = tokio::fs::File::create_new(&path).await.map_err(S3Error::internal_error)?;
        Ok(Self { file, kept: BodyFile(path) })
    }

    async fn write(&mut self, bytes: &[u8]) -> S3Result<()> {
        self.file.write_all(bytes).await.map_err(S3Error::internal_error)
    }

    async fn finish(mut self) -> S3Result<Arc<BodyFile>> {
        self.file.flush().await.map_err(S3Error::internal_error)?;
        Ok(Arc::new(self.kept))
    }
}

/// The bytes of a range of these pieces together.
pub(super) fn read(
    pieces: Vec<Piece>,
    range: Range<u64>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static {
    let mut start = 0;
    let mut steps = Vec::new();
    for piece in pieces {
        let end = start + piece.len();
        let wanted = range.start.max(start)..range.end.min(end);
        if wanted.start < wanted.end {
            steps.push((piece, wanted.start - start..wanted.end - start));
        }
        start = end;
    }
    steps.reverse();
    stream::try_unfold((steps, None), |(mut steps, mut open)| async move {
        let Some((piece, range)) = steps.pop() else { return Ok(None) };
        let end = range.end.min(range.start + STEP as u64);
        let length = (end - range.start) as usize;
        let bytes = match &piece {
            Piece::Memory(bytes) => bytes.slice(range.start as usize..end as usize),
            Piece::File(file, _) => {
                let (bytes, file) = step(file.clone(), open.take(), range.start, length).await?;
                open = Some(file);
                bytes
            }
        };
        if end < range.end {
            steps.push((piece, end..range.end));
        } else {
            open = None;
        }
        Ok(Some((bytes, (steps, open))))
    })
}

/// Reads from the file, which is opened first if it is not open yet.
async fn step(body: Arc<BodyFile>, open: Option<File>, at: u64, length: usize) -> io::Result<(Bytes, File)> {
    let work = move || {
        let file = match open {
            Some(file) => file,
            None => File::open(&body.0)?,
        };
        Ok((read_at(&file, at, length)?, file))
    };
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
