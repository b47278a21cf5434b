use crate::server::{Answer, Server, answer, silent};
use crate::{AUDIENCE, GUID, fails, mint, token};
use serde_json::json;

const FLAVOR: (&str, &str) = ("metadata-flavor", "Google");

fn granted() -> Answer {
    let claims = json!({
        "iss": format!("https://sts.windows.net/{GUID}/"), "aud": AUDIENCE, "tid": GUID, "oid": GUID, "sub": GUID,
    });
    let token = token(claims, 3600);
    answer(200, json!({ "access_token": token, "expires_in": "3599", "token_type": "Bearer" }).to_string())
}

async fn imds(url: &str, more: &[(&str, &str)]) -> crate::cli_support::Run {
    let own = [("CARNET_MINT", "azure-identity"), ("AZURE_POD_IDENTITY_AUTHORITY_HOST", url)];
    mint(&[&own[..], more].concat()).await
}

#[tokio::test]
async fn a_virtual_machine_is_asked_as_microsoft_documents_it_and_without_a_proxy() {
    let (server, trap) = (Server::telling([granted()]).await, Server::telling([answer(502, "")]).await);
    let proxies = [("HTTP_PROXY", trap.url.as_str()), ("http_proxy", &trap.url), ("ALL_PROXY", &trap.url)];
    let shown = imds(&server.url, &[&proxies[..], &[("AZURE_CLIENT_ID", GUID)]].concat()).await.ok().json();
    assert_eq!(shown["role_trust"]["conditions"][0]["key"], format!("sts.windows.net/{GUID}/:aud"));
    assert!(trap.asked().is_empty());
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/metadata/identity/oauth2/token");
    assert_eq!((asked.headers["metadata"].as_str(), asked.query["resource"].as_str()), ("true", AUDIENCE));
    assert_eq!(
        (asked.query["api-version"].as_str(), asked.query["client_id"].as_str()),
        ("2019-08-01", GUID)
    );
}

#[tokio::test]
async fn app_service_is_asked_with_its_header() {
    let server = Server::telling([granted()]).await;
    let endpoint = format!("{}/msi/token", server.url);
    let own = [("IDENTITY_ENDPOINT", endpoint.as_str()), ("IDENTITY_HEADER", "the-header-of-this-app")];
    let run = imds("http://169.254.169.254", &own).await.ok();
    assert!(!run.text().contains("the-header-of-this-app") && !run.stderr.contains("the-header-of-this-app"));
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/msi/token");
    assert_eq!(asked.headers["x-identity-header"], "the-header-of-this-app");
    assert!(!asked.query.contains_key("client_id"), "the system-assigned identity");
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_not() {
    let server = Server::telling([answer(404, ""), answer(500, "{}"), granted()]).await;
    imds(&server.url, &[]).await.ok();
    assert_eq!(server.asked().len(), 3);
    let said = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
    let server = Server::telling([answer(400, said)]).await;
    let run = imds(&server.url, &[("AZURE_CLIENT_ID", GUID)]).await;
    let error = fails(&run, 3, "Identity not found", "azure-identity-not-found");
    assert!(error["presented"].as_str().unwrap().contains(GUID), "{error}");
    assert_eq!(server.asked().len(), 1);
    let said = json!({
        "error": "invalid_resource",
        "error_description": "AADSTS500011: The resource principal named api://carnet-aws was not found in the tenant. Trace ID: 1",
    });
    let server = Server::telling([answer(400, said.to_string())]).await;
    let error = fails(&imds(&server.url, &[]).await, 4, "was not found in the tenant.", "aadsts500011");
    assert_eq!(error["code"], "AADSTS500011");
}

#[tokio::test]
async fn a_metadata_service_that_says_nothing_is_named_and_not_waited_for() {
    let run = imds(&silent().await, &[]).await;
    fails(&run, 8, "the metadata service does not answer", "metadata-silent");
    let host = silent().await.trim_start_matches("http://").to_owned();
    let run = mint(&[("CARNET_MINT", "google-metadata"), ("GCE_METADATA_HOST", &host)]).await;
    fails(&run, 8, "the metadata service does not answer", "metadata-silent");
}

async fn google(server: &Server) -> crate::cli_support::Run {
    mint(&[("CARNET_MINT", "google-metadata"), ("GCE_METADATA_HOST", server.host())]).await
}

#[tokio::test]
async fn googles_metadata_server_is_asked_as_google_documents_it() {
    let claims = json!({ "iss": "https://accounts.google.com", "aud": AUDIENCE, "azp": "113", "sub": "113" });
    let server = Server::telling([answer(200, token(claims, 3600)).with(FLAVOR.0, FLAVOR.1)]).await;
    let shown = google(&server).await.ok().json();
    let trust = json!({ "principal": "accounts.google.com", "conditions": [
        { "key": "accounts.google.com:aud", "equals": "113" },
        { "key": "accounts.google.com:oaud", "equals": AUDIENCE },
        { "key": "accounts.google.com:sub", "equals": "113" },
    ]});
    assert_eq!(shown["role_trust"], trust);
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/computeMetadata/v1/instance/service-accounts/default/identity");
    assert_eq!((asked.query["audience"].as_str(), asked.query["format"].as_str()), (AUDIENCE, "full"));
    assert_eq!(asked.headers[FLAVOR.0], FLAVOR.1);
}

#[tokio::test]
async fn who_is_not_googles_or_has_no_account_is_told() {
    let server = Server::telling([answer(200, token(json!({}), 3600))]).await;
    fails(&google(&server).await, 9, "not of Google's metadata server", "not-google-metadata");
    let server = Server::telling([answer(404, "").with(FLAVOR.0, FLAVOR.1)]).await;
    fails(&google(&server).await, 3, "no service account \"default\"", "google-no-service-account");
}

#[tokio::test]
async fn no_redirect_is_followed_and_no_body_is_read_beyond_its_limit() {
    let elsewhere = Server::telling([granted()]).await;
    let server = Server::telling([answer(307, "").with("location", &elsewhere.url)]).await;
    let long = Server::telling([answer(200, "x".repeat(70_000)).with(FLAVOR.0, FLAVOR.1)]).await;
    for mint in [imds(&server.url, &[]).await, google(&server).await] {
        fails(&mint, 4, "the answer is a redirect", "redirected");
    }
    assert!(elsewhere.asked().is_empty());
    for mint in [imds(&long.url, &[]).await, google(&long).await] {
        fails(&mint, 9, "longer than 65536 bytes", "not-a-token-service");
    }
}
