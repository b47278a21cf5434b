//! Google's metadata server.

use crate::claims;
use crate::clouds::{Clouds, start};
use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_localclouds::jwt::Algorithm;

const EMAIL: &str = "archive-reader@carnet-demo.iam.gserviceaccount.com";
const ACCOUNTS: &str = "/computeMetadata/v1/instance/service-accounts";

async fn get(clouds: &Clouds, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let host = clouds.local.state().workloads.google_vm.unwrap().host;
    let request = clouds.http.get(format!("http://{host}{path}"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["metadata-flavor"], "Google");
    (response.status().as_u16(), response.text().await.unwrap())
}

const MEANT: &[(&str, &str)] = &[("Metadata-Flavor", "Google")];

#[tokio::test]
async fn an_identity_token_says_who_the_instance_is() {
    let clouds = start().await;
    let id = clouds.handle().world().google.service_accounts[EMAIL].unique_id.clone();
    for name in ["default", EMAIL] {
        let path = format!("{ACCOUNTS}/{name}/identity?audience=sts.amazonaws.com&format=full");
        let (status, token) = get(&clouds, &path, MEANT).await;
        assert_eq!(status, 200, "{token}");
        let claims = claims(&token);
        assert_eq!(claims["iss"], "https://accounts.google.com");
        assert_eq!(claims["aud"], "sts.amazonaws.com");
        assert_eq!((&claims["sub"], &claims["azp"]), (&id.clone().into(), &id.clone().into()));
        assert_eq!((&claims["email"], &claims["email_verified"]), (&EMAIL.into(), &true.into()));
        let instance = &claims["google"]["compute_engine"];
        assert!(instance["instance_id"].is_string() && instance["project_number"].is_u64(), "{instance}");
        assert!(instance.get("license_id").is_none());
    }
    let key = clouds.handle().google_keys().unwrap().key_id(Algorithm::Rs256);
    assert!(clouds.handle().issuers.key("https://accounts.google.com", &key).await.is_ok());
}

#[tokio::test]
async fn a_standard_token_keeps_the_instance_to_itself() {
    let clouds = start().await;
    let (_, token) = get(&clouds, &format!("{ACCOUNTS}/default/identity?audience=x"), MEANT).await;
    let claims = claims(&token);
    assert!(claims.get("google").is_none() && claims.get("email").is_none(), "{claims:?}");
}

#[tokio::test]
async fn what_is_not_meant_or_not_there_is_refused() {
    let clouds = start().await;
    let identity = format!("{ACCOUNTS}/default/identity?audience=x");
    let forwarded: &[(&str, &str)] = &[("Metadata-Flavor", "Google"), ("X-Forwarded-For", "10.0.0.1")];
    for (path, headers, status) in [
        (identity.as_str(), &[][..], 403),
        (&identity, &[("Metadata-Flavor", "Other")], 403),
        (&identity, forwarded, 403),
        (&format!("{ACCOUNTS}/default/identity"), MEANT, 400),
        (&format!("{ACCOUNTS}/nobody@example.com/identity?audience=x"), MEANT, 404),
        ("/", &[], 200),
        ("/computeMetadata/v1/", MEANT, 200),
    ] {
        assert_eq!(get(&clouds, path, headers).await.0, status, "{path}");
    }
    assert_eq!(get(&clouds, &format!("{ACCOUNTS}/default/email"), MEANT).await.1, EMAIL);
    clouds.handle().world_mut().workloads.google_vm.service_account = None;
    assert_eq!(get(&clouds, &identity, MEANT).await.0, 404);
}

#[tokio::test]
async fn faults_reach_it() {
    let clouds = start().await;
    clouds.handle().faults.add(Rule::always(Hop::GoogleMetadata, Fault::ExpiredToken));
    let (_, token) = get(&clouds, &format!("{ACCOUNTS}/default/identity?audience=x"), MEANT).await;
    let claims = claims(&token);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(claims["exp"].as_u64().unwrap() < now);
}
