//! `[azure]`

use super::super::check;
use super::super::table::{Faults, Table};
use super::super::{Azure, AzureCloud, Identity};
use super::check_name;
use std::collections::BTreeMap;

pub fn azure(mut table: Table, faults: &mut Faults) -> Azure {
    let tenant_id = table.required("tenant_id", check::guid, faults);
    let cloud = table.optional("cloud", |text| azure_cloud(text).map(drop), faults);
    let cloud = cloud.and_then(|text| azure_cloud(&text).ok()).unwrap_or_default();
    let mut identities = BTreeMap::new();
    if let Some(mut section) = table.table("identities", faults) {
        for (name, mut table) in section.named_tables(faults) {
            check_name(&name, faults);
            let identity = Identity {
                client_id: table.required("client_id", check::guid, faults),
                object_id: table.required("object_id", check::guid, faults),
            };
            table.finish(faults);
            identities.insert(name.value, identity);
        }
    }
    table.finish(faults);
    Azure { tenant_id, cloud, identities }
}

fn azure_cloud(text: &str) -> Result<AzureCloud, (String, String)> {
    match text {
        "public" => Ok(AzureCloud::Public),
        "usgovernment" => Ok(AzureCloud::UsGovernment),
        "china" => Ok(AzureCloud::China),
        _ => Err(("no Azure cloud".to_owned(), "give \"public\", \"usgovernment\" or \"china\"".to_owned())),
    }
}
