//! Old shards, receipts and deletions into new shards, in flat memory. A shard that nothing touches is
//! taken over as it is.

use super::Harvest;
use crate::error::Result;
use crate::job::Job;
use crate::listing::KeyRange;
use crate::manifest::Manifest;
use crate::piece::{Cut, Piece, Pieces, Records};
use crate::plan::Deletion;
use crate::receipt::Receipt;
use crate::state::RunId;
use serde::{Deserialize, Serialize};

/// The shards of one range of the next manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    pub shards: Vec<Piece>,
    /// To be deleted: what this run adds, and what is left of earlier ones.
    pub pending: Vec<Piece>,
    pub bytes_added: u64,
    pub bytes_removed: u64,
}

impl Merged {
    /// Joins what the next range gave.
    pub fn join(&mut self, next: Merged) {
        self.shards.extend(next.shards);
        self.pending.extend(next.pending);
        self.bytes_added += next.bytes_added;
        self.bytes_removed += next.bytes_removed;
    }
}

/// Merges one range; `number` tells its files from those of other ranges. A shard that lies in several
/// ranges is written anew by each of them.
pub async fn range(
    job: &Job,
    manifest: &Manifest,
    run: &RunId,
    harvest: &Harvest,
    range: &KeyRange,
    number: u32,
) -> Result<Merged> {
    let pending = manifest.root.as_ref().map_or(Vec::new(), |root| root.pending.clone());
    // A run may merge twice (what was left behind, then its own), and a call may be made again: what
    // one call writes, no other ever writes over.
    let stem = format!("{run}-{number:05}-{:08x}-", fastrand::u32(..));
    let mut merge = Merge {
        left_behind: harvest.left_behind,
        receipts: Records::within(&job.state, harvest.receipts.clone(), range.clone()),
        deletions: Records::within(&job.state, harvest.deletions.clone(), range.clone()),
        pending: Records::within(&job.state, pending, range.clone()),
        still_pending: Pieces::new(&job.state, format!("pending/{stem}"), Cut::default()),
        shards: Pieces::new(&job.state, format!("manifest/{stem}"), Cut::default()),
        merged: Merged::default(),
    };
    let shards: Vec<&Piece> =
        manifest.shards().iter().filter(|shard| range.meets(&shard.first, &shard.last)).collect();
    for (at, shard) in shards.iter().enumerate() {
        let until = shards.get(at + 1).map(|next| next.first.as_str());
        let whole = range.holds(&shard.first) && range.holds(&shard.last);
        if whole && merge.is_untouched(until).await? {
            merge.shards.take_over((*shard).clone()).await?;
        } else {
            let span = KeyRange { from: Some(shard.first.clone()), until: until.map(str::to_owned) };
            let new = harvest.receipts.iter().filter(|piece| span.meets(&piece.first, &piece.last));
            merge.shards.cut_evenly(shard.records + new.map(|piece| piece.records).sum::<u64>());
            merge.shard(Records::within(&job.state, vec![(*shard).clone()], range.clone()), until).await?;
            merge.shards.end().await?;
        }
    }
    if shards.is_empty() {
        merge.shard(Records::new(&job.state, Vec::new()), None).await?;
    }
    merge.finish().await
}

struct Merge {
    left_behind: bool,
    receipts: Records<Receipt>,
    deletions: Records<Deletion>,
    pending: Records<Deletion>,
    still_pending: Pieces<Deletion>,
    shards: Pieces<Receipt>,
    merged: Merged,
}

impl Merge {
    /// Whether nothing of this run lies before this name.
    async fn is_untouched(&mut self, until: Option<&str>) -> Result<bool> {
        let before = |name: Option<&str>| {
            name.is_some_and(|name| until.is_none_or(|until| name.as_bytes() < until.as_bytes()))
        };
        Ok(!before(self.receipts.peek().await?) && !before(self.deletions.peek().await?))
    }

    /// Everything before a name.
    async fn shard(&mut self, mut old: Records<Receipt>, until: Option<&str>) -> Result<()> {
        loop {
            let names = [old.peek().await?, self.receipts.peek().await?, self.deletions.peek().await?];
            let name = names.into_iter().flatten().min_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
            let Some(name) = name.filter(|name| until.is_none_or(|until| name.as_bytes() < until.as_bytes()))
            else {
                return Ok(());
            };
            let name = name.to_owned();
            let known = old.take(&name).await?;
            let receipt = self.receipts.take(&name).await?;
            let deletion = self.deletions.take(&name).await?;
            self.one(&name, known, receipt, deletion).await?;
        }
    }

    async fn one(
        &mut self,
        name: &str,
        known: Option<Receipt>,
        receipt: Option<Receipt>,
        deletion: Option<Deletion>,
    ) -> Result<()> {
        let receipt = if self.left_behind { newer(known.as_ref(), receipt) } else { receipt };
        if let Some(receipt) = receipt {
            self.merged.bytes_added += receipt.size;
            self.merged.bytes_removed += known.map_or(0, |known| known.size);
            return self.keep(name, &receipt).await;
        }
        match (known, deletion) {
            (Some(known), Some(deletion)) if known.etag == deletion.etag => {
                self.merged.bytes_removed += known.size;
                self.pass_pending(Some(name)).await?;
                drop(self.pending.take(name).await?);
                self.still_pending.push(&deletion).await
            }
            (Some(known), _) => self.keep(name, &known).await,
            // Not in the manifest: not ours to delete.
            (None, _) => Ok(()),
        }
    }

    /// A key that lives is not deleted, whatever was pending.
    async fn keep(&mut self, name: &str, receipt: &Receipt) -> Result<()> {
        self.pass_pending(Some(name)).await?;
        drop(self.pending.take(name).await?);
        self.shards.push(receipt).await
    }

    /// What is pending before this name stays so.
    async fn pass_pending(&mut self, until: Option<&str>) -> Result<()> {
        while let Some(next) = self.pending.peek().await?
            && until.is_none_or(|until| next.as_bytes() < until.as_bytes())
        {
            if let Some(deletion) = self.pending.next().await? {
                self.still_pending.push(&deletion).await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Merged> {
        self.pass_pending(None).await?;
        self.merged.shards = self.shards.finish().await?;
        self.merged.pending = self.still_pending.finish().await?;
        Ok(self.merged)
    }
}

/// The receipt, unless the manifest has a later one: a run that was left behind may be absorbed after
/// another one has copied the same key. Of what is there already it may know less.
fn newer(known: Option<&Receipt>, receipt: Option<Receipt>) -> Option<Receipt> {
    receipt.filter(|receipt| {
        known.is_none_or(|known| known.etag != receipt.etag && known.written_at <= receipt.written_at)
    })
}
