//! Token services answer in a few kilobytes. Whatever is longer is no answer.

use super::unreachable;
use crate::error::{Error, Hop, Kind, Result};
use crate::hints;

/// 64 KiB: Google's access tokens, the longest of the three clouds', are at most 12 KB.
pub const TOKEN_SERVICE_LIMIT: usize = 64 * 1024;

/// The whole body, if it is within the limit. Nothing is decompressed.
pub async fn read_capped(hop: Hop, target: &str, mut response: reqwest::Response) -> Result<Vec<u8>> {
    if response.content_length().is_some_and(|length| length > TOKEN_SERVICE_LIMIT as u64) {
        return Err(too_long(hop, target));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(hop, target, error))? {
        if body.len() + chunk.len() > TOKEN_SERVICE_LIMIT {
            return Err(too_long(hop, target));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

pub(super) fn too_long(hop: Hop, target: &str) -> Error {
    Error::new(hop, Kind::Malformed, target, format!("the answer is longer than {TOKEN_SERVICE_LIMIT} bytes"))
        .with_hint(&hints::NOT_A_TOKEN_SERVICE)
}
