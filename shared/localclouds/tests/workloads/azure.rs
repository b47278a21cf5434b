//! Managed identities: a virtual machine and App Service.

use crate::clouds::{Clouds, start};
use crate::{claims, text};
use carnet_localclouds::entra::check_bearer;
use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_localclouds::jwt::Algorithm;
use carnet_localclouds::world::Application;
use serde_json::Value;

const STORAGE: &str = "https://storage.azure.com";
/// Of the example configuration's identity.
const READER: &str = "aaaaaaaa-1111-4222-8333-444444444444";
const READER_OBJECT: &str = "bbbbbbbb-1111-4222-8333-444444444444";
const SECOND: &str = "aaaaaaaa-2222-4222-8333-444444444444";

async fn imds(clouds: &Clouds, query: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let url = clouds.local.state().workloads.azure_vm.unwrap().imds;
    get(clouds, &format!("{url}/metadata/identity/oauth2/token?{query}"), headers).await
}

async fn app_service(clouds: &Clouds, query: &str, header: &str) -> (u16, Value) {
    let url = clouds.local.state().workloads.app_service.unwrap().endpoint;
    get(clouds, &format!("{url}?{query}"), &[("X-IDENTITY-HEADER", header)]).await
}

async fn get(clouds: &Clouds, url: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let request =
        headers.iter().fold(clouds.http.get(url), |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.unwrap();
    (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

fn asked(resource: &str) -> String {
    format!("api-version=2018-02-01&resource={resource}")
}

/// A second identity on the machine.
fn assign_second(clouds: &Clouds) {
    let mut world = clouds.handle().world_mut();
    let object_id = "bbbbbbbb-2222-4222-8333-444444444444".to_owned();
    let application = Application { name: "second".to_owned(), object_id, ..Application::default() };
    world.entra.applications.insert(SECOND.to_owned(), application);
    let assigned = &mut world.workloads.azure_vm.user_assigned;
    assigned.insert("/subscriptions/s/second".to_owned(), SECOND.to_owned());
}

#[tokio::test]
async fn a_machine_gets_a_token_for_a_service() {
    let clouds = start().await;
    let (status, answer) = imds(&clouds, &asked(STORAGE), &[("Metadata", "true")]).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((text(&answer, "token_type"), text(&answer, "resource")), ("Bearer".into(), STORAGE.into()));
    assert_eq!(text(&answer, "client_id"), READER);
    // Every number is a text.
    let number = |name| text(&answer, name).parse::<i64>().unwrap();
    assert_eq!(number("expires_on") - number("not_before"), number("expires_in"));
    let token = text(&answer, "access_token");
    let caller = check_bearer(clouds.handle(), Some(&format!("Bearer {token}")), &[STORAGE]).unwrap();
    assert_eq!(caller.object_id, READER_OBJECT);
    let claims = claims(&token);
    let tenant = clouds.tenant_id();
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{tenant}/"));
    assert_eq!((&claims["sub"], &claims["appid"]), (&READER_OBJECT.into(), &READER.into()));
    assert_eq!((&claims["tid"], &claims["ver"]), (&tenant.into(), &"1.0".into()));
    assert!(
        claims["xms_mirid"].as_str().unwrap().ends_with("/userAssignedIdentities/asset-reader"),
        "{claims:?}"
    );
}

#[tokio::test]
async fn a_token_for_an_app_id_uri_is_for_that_uri() {
    let clouds = start().await;
    let uri = clouds.local.state().workloads.app_id_uri.unwrap();
    let (_, answer) = imds(&clouds, &asked(&uri), &[("Metadata", "true")]).await;
    let first = claims(&text(&answer, "access_token"));
    assert_eq!((first["aud"].as_str(), first["ver"].as_str()), (Some(uri.as_str()), Some("1.0")));
    // The resource's application chooses the version.
    let client_id = clouds.local.state().workloads.entra_client_id.unwrap();
    clouds.handle().world_mut().application_mut(&client_id).unwrap().token_version = 2;
    let (_, answer) = imds(&clouds, &asked(&uri), &[("Metadata", "true")]).await;
    let second = claims(&text(&answer, "access_token"));
    assert_eq!(second["aud"], client_id);
    assert_eq!(second["iss"], format!("https://login.microsoftonline.com/{}/v2.0", clouds.tenant_id()));
    assert_eq!((second["ver"].as_str(), second["azp"].as_str()), (Some("2.0"), Some(READER)));
}

#[tokio::test]
async fn both_versions_verify_by_discovery() {
    let clouds = start().await;
    let uri = clouds.local.state().workloads.app_id_uri.unwrap();
    let (_, answer) = imds(&clouds, &asked(&uri), &[("Metadata", "true")]).await;
    let issuer = claims(&text(&answer, "access_token"))["iss"].as_str().unwrap().to_owned();
    let key = clouds.handle().entra_keys.key_id(Algorithm::Rs256);
    assert!(clouds.handle().aws_issuers.key(&issuer, &key).await.is_ok());
}

#[tokio::test]
async fn the_metadata_service_refuses_in_its_own_words() {
    let clouds = start().await;
    let plain = asked(STORAGE);
    let meant: &[(&str, &str)] = &[("Metadata", "true")];
    let none: &[(&str, &str)] = &[];
    for (query, headers, error, words) in [
        (plain.clone(), none, "bad_request_102", "Required metadata header not specified"),
        (plain.clone(), &[("Metadata", "True")], "bad_request_102", "Required metadata header not specified"),
        (
            plain.clone(),
            &[("Metadata", "true"), ("X-Forwarded-For", "10.0.0.1")],
            "invalid_request",
            "forwarded",
        ),
        (
            format!("resource={STORAGE}"),
            meant,
            "invalid_request",
            "Required query variable 'api-version' is missing",
        ),
        (format!("resource={STORAGE}&api-version=2016-01-01"), meant, "invalid_request", "api-version"),
        (format!("resource={STORAGE}&api-version=latest"), meant, "invalid_request", "api-version"),
        ("api-version=2018-02-01".to_owned(), meant, "invalid_request", "'resource' is missing"),
        (format!("{plain}&client_id={SECOND}"), meant, "invalid_request", "Identity not found"),
        (format!("{plain}&object_id={SECOND}"), meant, "invalid_request", "Identity not found"),
        (format!("{plain}&msi_res_id=/subscriptions/x"), meant, "invalid_request", "Identity not found"),
        (
            asked("api://nobody"),
            meant,
            "invalid_resource",
            "AADSTS500011: The resource principal named api://nobody",
        ),
    ] {
        let (status, answer) = imds(&clouds, &query, headers).await;
        assert_eq!(status, 400, "{query}: {answer}");
        assert_eq!(text(&answer, "error"), error, "{query}");
        assert!(text(&answer, "error_description").contains(words), "{query}: {answer}");
    }
}

#[tokio::test]
async fn of_several_identities_one_must_be_named() {
    let clouds = start().await;
    assign_second(&clouds);
    let meant: &[(&str, &str)] = &[("Metadata", "true")];
    let (status, answer) = imds(&clouds, &asked(STORAGE), meant).await;
    assert_eq!(status, 400);
    assert!(
        text(&answer, "error_description").starts_with("Multiple user assigned identities exist"),
        "{answer}"
    );
    for name in [
        format!("client_id={}", SECOND.to_uppercase()),
        "object_id=bbbbbbbb-2222-4222-8333-444444444444".to_owned(),
        "msi_res_id=/subscriptions/s/second".to_owned(),
    ] {
        let (status, answer) = imds(&clouds, &format!("{}&{name}", asked(STORAGE)), meant).await;
        assert_eq!((status, text(&answer, "client_id")), (200, SECOND.to_owned()), "{name}: {answer}");
    }
    // The machine's own is meant where none is named.
    clouds.handle().world_mut().workloads.azure_vm.system_assigned = Some(SECOND.to_owned());
    let (_, answer) = imds(&clouds, &asked(STORAGE), meant).await;
    assert_eq!(text(&answer, "client_id"), SECOND);
    clouds.handle().world_mut().workloads.azure_vm = Default::default();
    let (_, answer) = imds(&clouds, &asked(STORAGE), meant).await;
    assert_eq!(text(&answer, "error_description"), "Identity not found");
}

#[tokio::test]
async fn app_service_gives_a_token_to_whoever_has_its_header() {
    let clouds = start().await;
    let header = clouds.local.state().workloads.app_service.unwrap().header;
    let query = format!("api-version=2019-08-01&resource={STORAGE}&client_id={READER}");
    let (status, answer) = app_service(&clouds, &query, &header).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(text(&answer, "client_id"), READER);
    assert!(
        text(&answer, "expires_on").parse::<i64>().is_ok() && answer.get("expires_in").is_none(),
        "{answer}"
    );
    assert_eq!(claims(&text(&answer, "access_token"))["oid"], READER_OBJECT);
    let unknown = format!("api-version=2019-08-01&resource={STORAGE}&client_id={SECOND}");
    for (query, header, status, words) in [
        (query.as_str(), "", 401, "header"),
        (&query, "another", 401, "header"),
        (&query.replace("2019-08-01", "2017-09-01"), &header, 400, "api-version"),
        ("api-version=2019-08-01", &header, 400, "resource"),
        (&unknown, &header, 400, "No User Assigned or Delegated Managed Identity found"),
        ("api-version=2019-08-01&resource=api://nobody", &header, 500, "AADSTS500011"),
    ] {
        let (found, answer) = app_service(&clouds, query, header).await;
        assert_eq!(found, status, "{query}: {answer}");
        assert_eq!(answer["statusCode"], status, "{answer}");
        assert!(text(&answer, "message").contains(words), "{query}: {answer}");
    }
}

#[tokio::test]
async fn faults_reach_both() {
    let clouds = start().await;
    let busy = || Fault::Status { status: 429, headers: Vec::new(), body: "{}".to_owned() };
    clouds.handle().faults.add(Rule::always(Hop::AzureImds, busy()));
    clouds.handle().faults.add(Rule::always(Hop::AzureAppService, busy()));
    assert_eq!(imds(&clouds, &asked(STORAGE), &[("Metadata", "true")]).await.0, 429);
    assert_eq!(app_service(&clouds, "", "").await.0, 429);
    clouds.handle().faults.set(vec![Rule::always(Hop::AzureImds, Fault::ExpiredToken)]);
    let (_, answer) = imds(&clouds, &asked(STORAGE), &[("Metadata", "true")]).await;
    assert_eq!(text(&answer, "expires_in"), "0");
}
