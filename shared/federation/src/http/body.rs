//! Bodies that are read whole, within a limit. Token services answer in a few kilobytes: whatever is
//! longer is no answer of theirs.

use super::unreachable;
use crate::error::{Error, Hop, Kind, Result};
use crate::hints;

/// 64 KiB: Google's access tokens, the longest of the three clouds', are at most 12 KB.
pub const TOKEN_SERVICE_LIMIT: usize = 64 * 1024;

/// The whole body of a token service's answer. Nothing is decompressed.
pub async fn read_capped(hop: Hop, target: &str, response: reqwest::Response) -> Result<Vec<u8>> {
    read_up_to(TOKEN_SERVICE_LIMIT, hop, target, response).await
}

/// The same for answers that may be longer.
pub(super) async fn read_up_to(
    limit: usize,
    hop: Hop,
    target: &str,
    response: reqwest::Response,
) -> Result<Vec<u8>> {
    let body = read_within(response, limit).await;
    body.map_err(|error| unreachable(hop, target, error))?.ok_or_else(|| too_long(limit, hop, target))
}

/// The whole body, or `None` if it is longer than `limit`.
pub async fn read_within(
    mut response: reqwest::Response,
    limit: usize,
) -> Result<Option<Vec<u8>>, reqwest::Error> {
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Ok(None);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

fn too_long(limit: usize, hop: Hop, target: &str) -> Error {
    Error::new(hop, Kind::Malformed, target, format!("the answer is longer than {limit} bytes"))
        .with_hint(&hints::NOT_A_TOKEN_SERVICE)
}
