//! The bytes of a part as they come, as a body of the SDK's: of a stated length, and summed up.

use crate::sink::Crc32c;
use crate::source::ByteStream;
use aws_sdk_s3::primitives::ByteStream as SdkStream;
use bytes::Bytes;
use carnet_federation::Error;
use futures_util::StreamExt as _;
use futures_util::stream::Fuse;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

/// The checksum of what was taken from a body so far.
#[derive(Clone)]
pub(super) struct Sum(Arc<AtomicU32>);

impl Sum {
    pub fn get(&self) -> Crc32c {
        Crc32c::from_u32(self.0.load(Ordering::Relaxed))
    }

    fn append(&self, bytes: &[u8]) {
        self.0.store(self.get().append(bytes).as_u32(), Ordering::Relaxed);
    }
}

pub(super) fn body(size: u64, chunks: ByteStream) -> (SdkStream, Sum) {
    let sum = Sum(Arc::new(AtomicU32::new(Crc32c::EMPTY.as_u32())));
    let body = Streamed { chunks: Mutex::new(chunks.fuse()), left: size, sum: sum.clone() };
    (SdkStream::from_body_1_x(body), sum)
}

struct Streamed {
    /// The SDK wants bodies to be `Sync`: it is never locked. And it asks for more after the end, which
    /// not every stream can bear.
    chunks: Mutex<Fuse<ByteStream>>,
    left: u64,
    sum: Sum,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let chunks = this.chunks.get_mut().unwrap_or_else(PoisonError::into_inner);
        let chunk = ready!(chunks.poll_next_unpin(cx));
        Poll::Ready(chunk.map(|chunk| {
            let chunk = chunk?;
            this.sum.append(&chunk);
            this.left = this.left.saturating_sub(chunk.len() as u64);
            Ok(Frame::data(chunk))
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
