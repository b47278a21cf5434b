//! Mint, exchange, read.

use crate::Error;
use crate::sigv4::Signer;
use serde::Deserialize;
use std::env::var;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use url::{Url, form_urlencoded};

const SCOPE: &str = "https://storage.azure.com/.default";
const STORAGE_VERSION: &str = "2026-04-06";
/// A token this close to its end is not used any more.
const MARGIN: Duration = Duration::from_secs(300);

/// The settings of one place, and the token that opens it.
pub struct Hops {
    client: reqwest::Client,
    sts: Url,
    region: String,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    audience: String,
    token_url: String,
    client_id: String,
    /// Of the first configured place: its container's URL, with the prefix, ending in a slash.
    place: String,
    token: Option<Token>,
}

struct Token {
    bearer: String,
    expires_at: SystemTime,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: u64,
}

impl Hops {
    pub fn from_env(client: reqwest::Client) -> Result<Self, Error> {
        let region = var("AWS_REGION")?;
        let sts = match var("AWS_ENDPOINT_URL_STS") {
            Ok(url) => Url::parse(&url)?,
            Err(_) => Url::parse(&format!("https://sts.{region}.amazonaws.com/"))?,
        };
        let authority = var("AZURE_AUTHORITY_HOST").unwrap_or("https://login.microsoftonline.com".into());
        let endpoint =
            var("CARNET_AZURE_BLOB_ENDPOINT").unwrap_or("https://{account}.blob.core.windows.net".into());
        Ok(Self {
            client,
            sts,
            region,
            access_key_id: var("AWS_ACCESS_KEY_ID")?,
            secret_access_key: var("AWS_SECRET_ACCESS_KEY")?,
            // The Runtime Interface Emulator sets it, empty.
            session_token: var("AWS_SESSION_TOKEN").ok().filter(|token| !token.is_empty()),
            audience: var("CARNET_AZURE_AUDIENCE").unwrap_or("api://AzureADTokenExchange".into()),
            token_url: format!(
                "{}/{}/oauth2/v2.0/token",
                authority.trim_end_matches('/'),
                var("AZURE_TENANT_ID")?
            ),
            client_id: var("AZURE_CLIENT_ID")?,
            place: first_place(&var("CARNET_PLACES")?, &endpoint)?,
            token: None,
        })
    }

    /// The cached token, or a new one.
    pub async fn bearer(&mut self) -> Result<String, Error> {
        if let Some(token) = &self.token
            && SystemTime::now() + MARGIN < token.expires_at
        {
            return Ok(token.bearer.clone());
        }
        let assertion = self.mint().await?;
        let token = self.exchange(&assertion).await?;
        let bearer = token.bearer.clone();
        self.token = Some(token);
        Ok(bearer)
    }

    async fn mint(&self) -> Result<String, Error> {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "GetWebIdentityToken")
            .append_pair("Version", "2011-06-15")
            .append_pair("Audience.member.1", &self.audience)
            .append_pair("DurationSeconds", "300")
            .append_pair("SigningAlgorithm", "RS256")
            .finish();
        let authority = self.sts.authority();
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded"), ("host", authority)];
        if let Some(token) = &self.session_token {
            headers.push(("x-amz-security-token", token));
        }
        let signer = Signer {
            access_key_id: &self.access_key_id,
            secret_access_key: &self.secret_access_key,
            region: &self.region,
            service: "sts",
        };
        let signed = signer.sign(&headers, body.as_bytes(), OffsetDateTime::now_utc())?;
        let mut request = self.client.post(self.sts.clone());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request
            .header("x-amz-date", signed.date)
            .header("authorization", signed.authorization)
            .body(body)
            .send()
            .await?
            .error_for_status()?
            .text()
            .await?;
        between(&answer, "<WebIdentityToken>", "</WebIdentityToken>").ok_or("STS sent no token".into())
    }

    async fn exchange(&self, assertion: &str) -> Result<Token, Error> {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id)
            .append_pair("scope", SCOPE)
            .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            .append_pair("client_assertion", assertion)
            .finish();
        let answer = self
            .client
            .post(&self.token_url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        let answer: TokenAnswer = serde_json::from_slice(&answer)?;
        Ok(Token {
            bearer: format!("Bearer {}", answer.access_token),
            expires_at: SystemTime::now() + Duration::from_secs(answer.expires_in),
        })
    }

    /// The answer to one GET of a blob, its body still to be read. `key` is percent-encoded, as
    /// API Gateway hands it over.
    pub async fn get(&mut self, key: &str, range: Option<&str>) -> Result<reqwest::Response, Error> {
        let bearer = self.bearer().await?;
        let url = format!("{}{key}", self.place);
        let mut request =
            self.client.get(url).header("authorization", bearer).header("x-ms-version", STORAGE_VERSION);
        if let Some(range) = range {
            request = request.header("range", range);
        }
        Ok(request.send().await?.error_for_status()?)
    }
}

/// `assets=azure://account/container/prefix` -> the URL that keys are appended to.
fn first_place(places: &str, endpoint: &str) -> Result<String, Error> {
    let first = places.split([',', '\n']).map(str::trim).find(|place| !place.is_empty());
    let (account, path) = first
        .and_then(|place| place.split_once("=azure://"))
        .and_then(|(_, url)| url.split_once('/'))
        .ok_or("CARNET_PLACES has no azure:// place")?;
    let endpoint = endpoint.replace("{account}", account);
    Ok(format!("{}/{}/", endpoint.trim_end_matches('/'), path.trim_end_matches('/')))
}

fn between(text: &str, start: &str, end: &str) -> Option<String> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_becomes_the_url_of_its_prefix() {
        let production =
            first_place("a=azure://acct/assets/in", "https://{account}.blob.core.windows.net").unwrap();
        assert_eq!(production, "https://acct.blob.core.windows.net/assets/in/");
        let local =
            first_place("\n a=azure://acct/assets , b=azure://x/y", "https://127.0.0.1:1/{account}").unwrap();
        assert_eq!(local, "https://127.0.0.1:1/acct/assets/");
    }
}
