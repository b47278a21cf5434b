//! Bytes of a file as a body.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use tokio::sync::mpsc::{Sender, channel};

/// How much is read from a file at a time.
const STEP: usize = 512 << 10;

/// The bytes of a range, read one step ahead of the reader and no further.
pub(crate) fn stream(file: File, range: Range<u64>) -> Body {
    body_of(move |out| {
        let mut at = range.start;
        while at < range.end {
            let length = STEP.min((range.end - at) as usize);
            out.push(read_at(&file, at, length))?;
            at += length as u64;
        }
        Ok(())
    })
}

/// What `file` holds, compressed by gzip, as it was before.
pub(crate) fn decompressed(file: File) -> Body {
    body_of(move |out| {
        let mut reader = flate2::read::MultiGzDecoder::new(file);
        loop {
            let mut buffer = vec![0; STEP];
            match io::Read::read(&mut reader, &mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => {
                    buffer.truncate(length);
                    out.push(Ok(buffer.into()))?;
                }
                Err(error) => out.push(Err(error))?,
            }
        }
    })
}

/// Fails if the file has become shorter: the body then breaks off, as it does when a real one does.
pub(crate) fn read_at(file: &File, at: u64, length: usize) -> io::Result<Bytes> {
    let mut buffer = BytesMut::zeroed(length);
    file.read_exact_at(&mut buffer, at)?;
    Ok(buffer.freeze())
}

struct Out(Sender<io::Result<Bytes>>);

/// Nothing more can be sent: an error was, or the reader left.
struct Over;

impl Out {
    fn push(&self, step: io::Result<Bytes>) -> Result<(), Over> {
        let failed = step.is_err();
        self.0.blocking_send(step).map_err(|_| Over)?;
        if failed { Err(Over) } else { Ok(()) }
    }
}

fn body_of(fill: impl FnOnce(&Out) -> Result<(), Over> + Send + 'static) -> Body {
    let (sender, receiver) = channel(1);
    // How it ended is in the channel.
    tokio::task::spawn_blocking(move || drop(fill(&Out(sender))));
    Body::from_stream(futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|read| (read, receiver))
    }))
}
