//! `sync-copy`: one item of the work. What it could not finish in time it hands back.

use crate::failure::AGAIN;
use crate::schedule::{Schedule, asked, failed, stop};
use carnet_lambda::{Call, Failure};
use carnet_sync::steps::Item;
use serde::Serialize;
use serde_json::Value;

const FORM: &str = r#"{"run":RUN,"batch":NUMBER}, with "first_part" and "last_part" for parts"#;

/// The item again, and how much is left of it.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    item: Item,
    left: u64,
}

impl Schedule {
    pub async fn copy(&self, call: Call<'_>) -> Result<Value, Failure> {
        let item: Item = asked(&call, FORM)?;
        let copying = self.steps(None).copy(&item, &stop(&call)).await.map_err(failed)?;
        if copying.left == 0 && copying.transient {
            // What cannot be cured by trying again is in the batch's report, and no failure of the call.
            let message = format!("{} objects of batch {} failed, some for now", copying.failed, item.batch);
            return Err(Failure::new(AGAIN, message));
        }
        let answer = Answer { item, left: copying.left };
        serde_json::to_value(answer).map_err(|error| Failure::new("Machine", error.to_string()))
    }
}
