//! The way to Azure.

use super::mint::only_audience;
use super::{Env, Faults, endpoint, spreading_window};
use crate::assertion::Audience;
use reqwest::Url;

/// A national cloud of Azure: its hosts and its exchange audience.
///
/// From "Microsoft Entra authentication and national clouds", "Workload identity federation" and
/// "Azure Storage endpoints" in Microsoft's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AzureCloud {
    pub name: &'static str,
    pub authority: &'static str,
    pub audience: &'static str,
    /// `{account}` stands for the storage account's name.
    pub blob_endpoint: &'static str,
}

pub const AZURE_CLOUDS: [AzureCloud; 3] = [
    AzureCloud {
        name: "public",
        authority: "https://login.microsoftonline.com",
        audience: "api://AzureADTokenExchange",
        blob_endpoint: "https://{account}.blob.core.windows.net",
    },
    AzureCloud {
        name: "usgovernment",
        authority: "https://login.microsoftonline.us",
        audience: "api://AzureADTokenExchangeUSGov",
        blob_endpoint: "https://{account}.blob.core.usgovcloudapi.net",
    },
    AzureCloud {
        name: "china",
        authority: "https://login.partner.microsoftonline.cn",
        audience: "api://AzureADTokenExchangeChina",
        blob_endpoint: "https://{account}.blob.core.chinacloudapi.cn",
    },
];

/// Everything the way to Azure needs to know.
#[derive(Clone, Debug)]
pub struct AzureSettings {
    pub tenant_id: String,
    pub client_id: String,
    pub authority: Url,
    pub audience: String,
    /// With `{account}` in it.
    pub blob_endpoint: String,
    /// The account of places that name none.
    pub storage_account: Option<String>,
    /// For how long a refusal that may be a change still spreading is tried again.
    pub spreading_window: std::time::Duration,
}

impl AzureSettings {
    /// | variable | meaning |
    /// |---|---|
    /// | `AZURE_TENANT_ID` | the tenant's id or a domain of it |
    /// | `AZURE_CLIENT_ID`, or `AZURE_MANAGED_IDENTITY_CLIENT_ID` | the identity's client id |
    /// | `CARNET_AZURE_CLOUD` | `public` (default), `usgovernment`, `china` |
    /// | `AZURE_AUTHORITY_HOST` | instead of that cloud's token service |
    /// | `CARNET_AZURE_AUDIENCE` | instead of that cloud's exchange audience |
    /// | `CARNET_AZURE_BLOB_ENDPOINT` | instead of that cloud's blob endpoint, with `{account}` |
    /// | `AZURE_STORAGE_ACCOUNT` | the account of places that name none |
    /// | `CARNET_SPREADING_WINDOW_SECONDS` | 0 to 600, default 3 |
    pub fn read(env: &Env, faults: &mut Faults) -> Option<Self> {
        let before = faults.len();
        let cloud = cloud(env, faults);
        let tenant_id = tenant_id(env, faults);
        let client_id = client_id(env, faults);
        let authority = authority(env, cloud, faults);
        let blob_endpoint = blob_endpoint(env, cloud, faults);
        let spreading_window = spreading_window(env, faults);
        let settings = Self {
            tenant_id: tenant_id?,
            client_id: client_id?,
            authority: authority?,
            audience: audience(env, cloud).to_owned(),
            blob_endpoint: blob_endpoint?,
            storage_account: env.get("AZURE_STORAGE_ACCOUNT").map(str::to_owned),
            spreading_window,
        };
        (faults.len() == before).then_some(settings)
    }
}

/// The audience of proofs for Entra, for those who only mint.
pub fn exchange_audience(env: &Env, faults: &mut Faults) -> Audience {
    Audience::new(audience(env, cloud(env, faults)))
}

fn audience(env: &Env, cloud: AzureCloud) -> &str {
    env.get("CARNET_AZURE_AUDIENCE").or_else(|| only_audience(env)).unwrap_or(cloud.audience)
}

/// Which Azure, and where its Entra is, for those who only verify its tokens.
pub fn entra_host(env: &Env, faults: &mut Faults) -> Option<(AzureCloud, Url)> {
    let cloud = cloud(env, faults);
    Some((cloud, authority(env, cloud, faults)?))
}

pub(super) fn cloud(env: &Env, faults: &mut Faults) -> AzureCloud {
    let name = env.get("CARNET_AZURE_CLOUD").unwrap_or(AZURE_CLOUDS[0].name);
    AZURE_CLOUDS.iter().find(|cloud| cloud.name == name).copied().unwrap_or_else(|| {
        faults.add("CARNET_AZURE_CLOUD", "is not one of public, usgovernment, china");
        AZURE_CLOUDS[0]
    })
}

fn tenant_id(env: &Env, faults: &mut Faults) -> Option<String> {
    let Some(value) = env.get("AZURE_TENANT_ID") else {
        faults.add("AZURE_TENANT_ID", "is not set; it is the directory (tenant) id of the identity");
        return None;
    };
    if is_tenant(value) {
        return Some(value.to_owned());
    }
    faults.add("AZURE_TENANT_ID", "is neither a GUID nor a domain name");
    None
}

/// It becomes a path segment of the token service's URL.
pub(super) fn is_tenant(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
}

fn client_id(env: &Env, faults: &mut Faults) -> Option<String> {
    let (name, value) = ["AZURE_CLIENT_ID", "AZURE_MANAGED_IDENTITY_CLIENT_ID"]
        .iter()
        .find_map(|name| env.get(name).map(|value| (*name, value)))
        .or_else(|| {
            faults.add(
                "AZURE_CLIENT_ID",
                "is not set; it is the client id of the managed identity or app registration",
            );
            None
        })?;
    if is_guid(value) {
        return Some(value.to_owned());
    }
    faults.add(name, "is not a GUID such as 00000000-0000-0000-0000-000000000000");
    None
}

/// `00000000-0000-0000-0000-000000000000`, in any digits.
pub fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.chars().all(|c| c.is_ascii_hexdigit()))
}

pub(super) fn authority(env: &Env, cloud: AzureCloud, faults: &mut Faults) -> Option<Url> {
    let text = env.get("AZURE_AUTHORITY_HOST").unwrap_or(cloud.authority);
    let url = endpoint(text);
    if url.is_none() {
        faults.add("AZURE_AUTHORITY_HOST", "is not an https URL such as https://login.microsoftonline.com");
    }
    url
}

fn blob_endpoint(env: &Env, cloud: AzureCloud, faults: &mut Faults) -> Option<String> {
    let template = env.get("CARNET_AZURE_BLOB_ENDPOINT").unwrap_or(cloud.blob_endpoint);
    if template.contains("{account}") && endpoint(&template.replace("{account}", "account")).is_some() {
        return Some(template.trim_end_matches('/').to_owned());
    }
    faults.add("CARNET_AZURE_BLOB_ENDPOINT", "is not an https URL with {account} in it");
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Result;

    const GUID: &str = "11111111-2222-3333-4444-555555555555";

    fn read(pairs: &[(&str, &str)]) -> Result<AzureSettings> {
        let mut faults = Faults::default();
        let settings = AzureSettings::read(&pairs.iter().copied().collect(), &mut faults);
        faults.into_result().map(|()| settings.expect("no fault, so there are settings"))
    }

    #[test]
    fn every_fault_is_reported_together() {
        let error = read(&[
            ("AZURE_CLIENT_ID", "reader"),
            ("AZURE_AUTHORITY_HOST", "http://login.example.com"),
            ("CARNET_AZURE_CLOUD", "mars"),
            ("CARNET_AZURE_BLOB_ENDPOINT", "https://blob.example.com"),
            ("CARNET_SPREADING_WINDOW_SECONDS", "soon"),
        ])
        .unwrap_err();
        for name in [
            "AZURE_TENANT_ID: is not set",
            "AZURE_CLIENT_ID: is not a GUID",
            "AZURE_AUTHORITY_HOST",
            "CARNET_AZURE_CLOUD",
            "CARNET_AZURE_BLOB_ENDPOINT",
            "CARNET_SPREADING_WINDOW_SECONDS",
        ] {
            assert!(error.message().contains(name), "{name} in {error}");
        }
    }

    #[test]
    fn the_clouds_own_hosts_are_the_defaults() {
        let settings =
            read(&[("AZURE_TENANT_ID", GUID), ("AZURE_MANAGED_IDENTITY_CLIENT_ID", GUID)]).unwrap();
        assert_eq!(settings.authority.as_str(), "https://login.microsoftonline.com/");
        assert_eq!(settings.audience, "api://AzureADTokenExchange");
        let china = [("AZURE_TENANT_ID", GUID), ("AZURE_CLIENT_ID", GUID), ("CARNET_AZURE_CLOUD", "china")];
        assert_eq!(read(&china).unwrap().blob_endpoint, "https://{account}.blob.core.chinacloudapi.cn");
    }

    #[test]
    fn a_tenant_cannot_leave_its_path_segment() {
        for tenant in ["a/b", "..%2f", "a?b", "a#b", "a b", "a\r\nb"] {
            assert!(read(&[("AZURE_TENANT_ID", tenant), ("AZURE_CLIENT_ID", GUID)]).is_err(), "{tenant}");
        }
    }
}
