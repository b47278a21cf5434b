//! The environment of this function.

use carnet_federation::Result;
use carnet_federation::config::{self, Env, Faults, endpoint, entra_host, is_guid};
use carnet_federation::http::Http;
use carnet_ingest::Queue;
use carnet_oidc::{Identity, Issuer, Verifier};
use reqwest::Url;

/// What Event Grid calls itself in its handshake.
const ORIGIN: &str = "eventgrid.azure.net";
const GOOGLE: &str = "https://accounts.google.com";

pub struct Settings {
    pub queue: Url,
    /// `None`: that side is shut.
    pub azure: Option<Azure>,
    pub google: Option<Trusted>,
}

pub struct Azure {
    pub trusted: Trusted,
    /// Who may register this door in CloudEvents' handshake.
    pub origins: Vec<String>,
}

/// Whose tokens are believed.
pub struct Trusted {
    /// Name and discovery document.
    issuers: Vec<(String, Url)>,
    audiences: Vec<String>,
    subjects: Vec<String>,
    identity: Identity,
}

impl Trusted {
    pub fn verifier(self, http: &Http) -> Verifier {
        let issuers = self.issuers.into_iter().map(|(name, url)| Issuer::new(http.clone(), name, url));
        Verifier::new(issuers.collect(), self.audiences, self.subjects, self.identity)
    }
}

/// | variable | meaning |
/// |---|---|
/// | `CARNET_EVENTS_QUEUE_URL` | the queue behind the door |
/// | `CARNET_EVENTS_AZURE_TENANT_ID` | opens `/events/azure`: the tenant whose tokens are believed |
/// | `CARNET_EVENTS_AZURE_AUDIENCES` | what the tokens are for: the application's client id or its URI |
/// | `CARNET_EVENTS_AZURE_SUBJECTS` | who may deliver: application ids or object ids |
/// | `CARNET_EVENTS_AZURE_ORIGINS` | who may ask to deliver, default `eventgrid.azure.net` |
/// | `CARNET_AZURE_CLOUD`, `AZURE_AUTHORITY_HOST` | as everywhere: which Entra |
/// | `CARNET_EVENTS_GOOGLE_AUDIENCES` | opens `/events/google`: what the tokens are for |
/// | `CARNET_EVENTS_GOOGLE_SUBJECTS` | who may deliver: service accounts' e-mail addresses or numbers |
/// | `CARNET_EVENTS_GOOGLE_ISSUER` | default `https://accounts.google.com` |
///
/// Every fault is reported, together.
pub fn read(env: &Env) -> Result<Settings> {
    config::gather(|faults| {
        let queue = Queue::read_url(env, faults);
        let azure_is_open = is_any(env, ["TENANT_ID", "AUDIENCES", "SUBJECTS"], "AZURE");
        let google_is_open = is_any(env, ["AUDIENCES", "SUBJECTS", "ISSUER"], "GOOGLE");
        if !azure_is_open && !google_is_open {
            let problem =
                "is not set, and neither is CARNET_EVENTS_GOOGLE_AUDIENCES: the door is shut to both";
            faults.add("CARNET_EVENTS_AZURE_TENANT_ID", problem);
        }
        let azure = azure_is_open.then(|| azure(env, faults));
        let google = google_is_open.then(|| google(env, faults));
        Some(Settings {
            queue: queue?,
            azure: azure.map_or(Some(None), |side| side.map(Some))?,
            google: google.map_or(Some(None), |side| side.map(Some))?,
        })
    })
}

fn is_any(env: &Env, names: [&str; 3], side: &str) -> bool {
    names.iter().any(|name| env.get(&format!("CARNET_EVENTS_{side}_{name}")).is_some())
}

fn azure(env: &Env, faults: &mut Faults) -> Option<Azure> {
    let tenant = tenant(env, faults);
    let audiences = list(
        env,
        faults,
        "CARNET_EVENTS_AZURE_AUDIENCES",
        "the client id of the application that stands for this door, and its URI",
    );
    let subjects =
        list(env, faults, "CARNET_EVENTS_AZURE_SUBJECTS", "the application id of whoever delivers");
    let (cloud, authority) = entra_host(env, faults)?;
    let origins = env.get("CARNET_EVENTS_AZURE_ORIGINS").unwrap_or(ORIGIN);
    let origins = entries(origins).map(str::to_owned).collect();
    let (tenant, audiences, subjects) = (tenant?, audiences?, subjects?);
    let issuers = entra(&authority, cloud.name, &tenant)?;
    Some(Azure { trusted: Trusted { issuers, audiences, subjects, identity: Identity::Entra }, origins })
}

/// Both versions of tokens, each with the document that belongs to it ("Access tokens": the version is
/// the application's to choose; Event Grid's are of version 1.0 unless it says otherwise).
fn entra(authority: &Url, cloud: &str, tenant: &str) -> Option<Vec<(String, Url)>> {
    const DOCUMENT: &str = ".well-known/openid-configuration";
    let base = authority.as_str().trim_end_matches('/');
    let sts = if cloud == "china" { "https://sts.chinacloudapi.cn" } else { "https://sts.windows.net" };
    Some(vec![
        (format!("{sts}/{tenant}/"), format!("{base}/{tenant}/{DOCUMENT}").parse().ok()?),
        (format!("{base}/{tenant}/v2.0"), format!("{base}/{tenant}/v2.0/{DOCUMENT}").parse().ok()?),
    ])
}

fn tenant(env: &Env, faults: &mut Faults) -> Option<String> {
    const NAME: &str = "CARNET_EVENTS_AZURE_TENANT_ID";
    let Some(id) = env.get(NAME) else {
        faults.add(NAME, "is not set; it is the tenant whose tokens are believed");
        return None;
    };
    // The issuer's name has the id, never a domain.
    if !is_guid(id) {
        faults.add(NAME, "is not a GUID such as 00000000-0000-0000-0000-000000000000");
        return None;
    }
    Some(id.to_ascii_lowercase())
}

fn google(env: &Env, faults: &mut Faults) -> Option<Trusted> {
    let audiences = list(
        env,
        faults,
        "CARNET_EVENTS_GOOGLE_AUDIENCES",
        "the audience of the push subscription, by default the URL it pushes to",
    );
    let subjects = list(
        env,
        faults,
        "CARNET_EVENTS_GOOGLE_SUBJECTS",
        "the e-mail address of the subscription's service account",
    );
    let name = env.get("CARNET_EVENTS_GOOGLE_ISSUER").unwrap_or(GOOGLE).trim_end_matches('/');
    let Some(document) = endpoint(&format!("{name}/.well-known/openid-configuration")) else {
        faults.add("CARNET_EVENTS_GOOGLE_ISSUER", "is not an https URL such as https://accounts.google.com");
        return None;
    };
    let issuers = vec![(name.to_owned(), document)];
    Some(Trusted { issuers, audiences: audiences?, subjects: subjects?, identity: Identity::Google })
}

fn list(env: &Env, faults: &mut Faults, name: &str, what: &str) -> Option<Vec<String>> {
    let found: Vec<String> = entries(env.get(name).unwrap_or_default()).map(str::to_owned).collect();
    if found.is_empty() {
        faults.add(name, &format!("is not set; it is {what}, by commas"));
        return None;
    }
    Some(found)
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "11111111-2222-4333-8444-555555555555";
    const QUEUE: (&str, &str) =
        ("CARNET_EVENTS_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/111122223333/events");

    fn faults(pairs: &[(&str, &str)]) -> String {
        match read(&pairs.iter().copied().collect()) {
            Ok(_) => String::new(),
            Err(error) => error.message().to_owned(),
        }
    }

    #[test]
    fn a_door_that_is_shut_to_both_is_a_fault_and_so_is_every_half_of_one() {
        let nothing = faults(&[]);
        assert!(
            nothing.contains("CARNET_EVENTS_QUEUE_URL") && nothing.contains("CARNET_EVENTS_AZURE_TENANT_ID")
        );
        let half = faults(&[
            QUEUE,
            ("CARNET_EVENTS_AZURE_SUBJECTS", "x"),
            ("CARNET_EVENTS_GOOGLE_ISSUER", "http://accounts.example"),
        ]);
        for name in [
            "CARNET_EVENTS_AZURE_TENANT_ID",
            "CARNET_EVENTS_AZURE_AUDIENCES",
            "CARNET_EVENTS_GOOGLE_AUDIENCES",
            "CARNET_EVENTS_GOOGLE_SUBJECTS",
            "CARNET_EVENTS_GOOGLE_ISSUER",
        ] {
            assert!(half.contains(name), "{name} in {half}");
        }
        assert!(faults(&[QUEUE, ("CARNET_EVENTS_AZURE_TENANT_ID", "contoso.com")]).contains("is not a GUID"));
    }

    #[test]
    fn entra_is_believed_in_both_versions_of_the_cloud_that_is_named() {
        let env = [
            QUEUE,
            ("CARNET_EVENTS_AZURE_TENANT_ID", TENANT),
            ("CARNET_EVENTS_AZURE_AUDIENCES", "api://door, client"),
            ("CARNET_EVENTS_AZURE_SUBJECTS", "app"),
        ];
        let issuers = |more: &[(&str, &str)]| {
            let env: Env = env.iter().chain(more).copied().collect();
            let issuers = read(&env).unwrap().azure.unwrap().trusted.issuers;
            issuers.into_iter().map(|(name, url)| (name, url.to_string())).collect::<Vec<_>>()
        };
        let login = "https://login.microsoftonline.com";
        assert_eq!(
            issuers(&[]),
            [
                (
                    format!("https://sts.windows.net/{TENANT}/"),
                    format!("{login}/{TENANT}/.well-known/openid-configuration")
                ),
                (
                    format!("{login}/{TENANT}/v2.0"),
                    format!("{login}/{TENANT}/v2.0/.well-known/openid-configuration")
                ),
            ]
        );
        let china = issuers(&[("CARNET_AZURE_CLOUD", "china")]);
        assert_eq!(china[0].0, format!("https://sts.chinacloudapi.cn/{TENANT}/"));
        assert_eq!(china[1].0, format!("https://login.partner.microsoftonline.cn/{TENANT}/v2.0"));
    }
}
