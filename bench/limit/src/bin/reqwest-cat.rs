//! Bare reqwest as the yardstick for `carnet cat`: one blob, from first byte to last, through one
//! MD5 into standard output.
//!
//! `reqwest-cat KEY` reads the first place of `CARNET_PLACES`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use limit::{Error, hops::Hops, tls};
use md5::{Digest, Md5};
use std::io::Write as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let key = std::env::args().nth(1).ok_or("usage: reqwest-cat KEY")?;
    let mut answer = Hops::from_env(tls::client()?)?.get(&key, None).await?;
    let stated = answer.headers().get("content-md5").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut digest = Md5::new();
    let mut out = std::io::stdout().lock();
    while let Some(bytes) = answer.chunk().await? {
        digest.update(&bytes);
        out.write_all(&bytes)?;
    }
    let found = STANDARD.encode(digest.finalize());
    match stated {
        Some(stated) if stated != found => {
            Err(format!("the blob's MD5 is {stated}, its bytes give {found}").into())
        }
        _ => Ok(()),
    }
}
