//! What each workload's proof buys at another cloud, by the trust of the default world.

use crate::claims;
use crate::clouds::{Clouds, Signer, encode, send, start};
use carnet_localclouds::entra::check_bearer;
use carnet_localclouds::jwt::Algorithm;
use carnet_localclouds::workloads::{To, Workload, variables};
use serde_json::{Value, json};

const STORAGE: &str = "https://storage.azure.com";

fn variable(clouds: &Clouds, workload: Workload, name: &str) -> String {
    variables(&clouds.local.state(), workload, None).unwrap()[name].clone()
}

fn file(clouds: &Clouds, workload: Workload, to: To) -> String {
    let variables = variables(&clouds.local.state(), workload, Some(to)).unwrap();
    std::fs::read_to_string(&variables["CARNET_TOKEN_FILE"]).unwrap()
}

async fn github(clouds: &Clouds, audience: &str) -> String {
    let github = clouds.local.state().workloads.github;
    let url = format!("{}&audience={audience}", github.url);
    let (_, body) = send(clouds.http.get(url).bearer_auth(github.token)).await;
    serde_json::from_str::<Value>(&body).unwrap()["value"].as_str().unwrap().to_owned()
}

async fn google_vm(clouds: &Clouds, audience: &str) -> String {
    let host = clouds.local.state().workloads.google_vm.unwrap().host;
    let path = "computeMetadata/v1/instance/service-accounts/default/identity";
    let url = format!("http://{host}/{path}?audience={audience}&format=full");
    send(clouds.http.get(url).header("Metadata-Flavor", "Google")).await.1
}

async fn azure_vm(clouds: &Clouds, resource: &str) -> String {
    let vm = clouds.local.state().workloads.azure_vm.unwrap();
    let query = format!("api-version=2018-02-01&resource={resource}&client_id={}", vm.client_id);
    let url = format!("{}/metadata/identity/oauth2/token?{query}", vm.imds);
    let (_, body) = send(clouds.http.get(url).header("Metadata", "true")).await;
    serde_json::from_str::<Value>(&body).unwrap()["access_token"].as_str().unwrap().to_owned()
}

async fn cognito(clouds: &Clouds) -> String {
    let known = clouds.local.state().workloads.cognito;
    let url = format!("{}/", known.endpoint);
    let body = json!({
        "IdentityPoolId": known.identity_pool_id, "Logins": { known.developer_provider: known.developer_user },
    })
    .to_string();
    let signer = Signer { service: "cognito-identity", ..clouds.operator_signer() };
    let request = clouds.http.post(&url).header("content-type", "application/x-amz-json-1.1");
    let target = "AWSCognitoIdentityService.GetOpenIdTokenForDeveloperIdentity";
    let request = signer
        .sign("POST", &url, body.as_bytes())
        .into_iter()
        .fold(request.header("x-amz-target", target), |request, (name, value)| request.header(name, value));
    let (_, answer) = send(request.body(body)).await;
    serde_json::from_str::<Value>(&answer).unwrap()["Token"].as_str().unwrap().to_owned()
}

/// A form to Google's token service.
async fn at_google(clouds: &Clouds, audience: &str, token: &str) -> (u16, Value) {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("audience", audience),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("scope", "https://www.googleapis.com/auth/cloud-platform"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ("subject_token", token),
    ];
    let url = format!("{}/v1/token", clouds.local.state().google.sts);
    let request = clouds.http.post(url).header("content-type", "application/x-www-form-urlencoded");
    let (status, body) = send(request.body(encode(&form))).await;
    (status, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn entra_lets_workloads_of_other_clouds_in() {
    let clouds = start().await;
    let exchange = "api://AzureADTokenExchange";
    for (workload, proof) in [
        (Workload::GitHub, github(&clouds, exchange).await),
        (Workload::GoogleVm, google_vm(&clouds, exchange).await),
        (Workload::Eks, file(&clouds, Workload::Eks, To::Azure)),
        (Workload::Aks, file(&clouds, Workload::Aks, To::Azure)),
        (Workload::Gke, file(&clouds, Workload::Gke, To::Azure)),
        (Workload::Cognito, cognito(&clouds).await),
    ] {
        let client_id = variable(&clouds, workload, "AZURE_CLIENT_ID");
        let (status, answer) = clouds.exchange(&proof, &[("client_id", &client_id)]).await;
        assert_eq!(status, 200, "{workload}: {answer}");
        let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
        let caller = check_bearer(clouds.handle(), Some(&bearer), &[STORAGE]).unwrap();
        // Reads what the operator reads.
        let world = clouds.handle().world();
        let container = &world.azure.accounts["carnetdemo"].containers["assets"];
        assert!(container.readers.contains(&caller.object_id), "{workload}");
    }
}

#[tokio::test]
async fn google_lets_workloads_of_other_clouds_in() {
    let clouds = start().await;
    let audience = |workload| variable(&clouds, workload, "CARNET_GOOGLE_AUDIENCE");
    let to_github = format!("https:{}", audience(Workload::GitHub));
    let to_azure = variable(&clouds, Workload::AzureVm, "CARNET_GOOGLE_TOKEN_AUDIENCE");
    for (workload, proof) in [
        (Workload::GitHub, github(&clouds, &to_github).await),
        (Workload::AzureVm, azure_vm(&clouds, &to_azure).await),
        (Workload::Eks, file(&clouds, Workload::Eks, To::Google)),
        (Workload::Aks, file(&clouds, Workload::Aks, To::Google)),
        (Workload::Gke, file(&clouds, Workload::Gke, To::Google)),
    ] {
        let (status, answer) = at_google(&clouds, &audience(workload), &proof).await;
        assert_eq!(status, 200, "{workload}: {answer}");
    }
}

/// STS, asked without a signature.
async fn at_aws(clouds: &Clouds, role: &str, token: &str) -> (u16, String) {
    let form = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", "test"),
        ("WebIdentityToken", token),
    ];
    let url = format!("{}/", clouds.local.state().aws.sts);
    let request = clouds.http.post(url).header("content-type", "application/x-www-form-urlencoded");
    send(request.body(encode(&form))).await
}

#[tokio::test]
async fn aws_gives_workloads_of_other_clouds_a_role_each() {
    let clouds = start().await;
    let aws = "sts.amazonaws.com";
    let app_id_uri = clouds.local.state().workloads.app_id_uri.unwrap();
    let proofs = [
        (Workload::GitHub, github(&clouds, aws).await),
        (Workload::GoogleVm, google_vm(&clouds, aws).await),
        (Workload::AzureVm, azure_vm(&clouds, &app_id_uri).await),
        (Workload::Eks, file(&clouds, Workload::Eks, To::Aws)),
        (Workload::Aks, file(&clouds, Workload::Aks, To::Aws)),
        (Workload::Gke, file(&clouds, Workload::Gke, To::Aws)),
        (Workload::Cognito, cognito(&clouds).await),
    ];
    for (workload, proof) in &proofs {
        for (other, _) in &proofs {
            let role = variable(&clouds, *other, "AWS_ROLE_ARN");
            let (status, body) = at_aws(&clouds, &role, proof).await;
            assert_eq!(status == 200, workload == other, "{workload} as {other}: {body}");
        }
    }
    for workload in [Workload::AzureVm, Workload::AppService, Workload::AzureApp] {
        assert_eq!(variable(&clouds, workload, "CARNET_AWS_AUDIENCE"), app_id_uri);
    }
}

#[tokio::test]
async fn what_a_cloud_does_not_take_it_refuses() {
    let clouds = start().await;
    // Entra's own tokens never, whatever credential names their issuer.
    let client_id = clouds.local.state().workloads.entra_client_id.unwrap();
    let own = azure_vm(&clouds, STORAGE).await;
    let (_, answer) = clouds.exchange(&own, &[("client_id", &client_id)]).await;
    assert_eq!(answer["error_codes"][0], 700222, "{answer}");
    // Google takes RS256 and ES256, and Cognito signs with RS512.
    let provider = variable(&clouds, Workload::GitHub, "CARNET_GOOGLE_AUDIENCE");
    let (_, answer) = at_google(&clouds, &provider, &cognito(&clouds).await).await;
    assert!(answer["error_description"].as_str().unwrap().contains("RS256 or ES256"), "{answer}");
    // Another provider's token, and one for somebody else.
    let (_, answer) = at_google(&clouds, &provider, &file(&clouds, Workload::Eks, To::Google)).await;
    assert_eq!(answer["error_description"], "Error connecting to the given credential's issuer.");
    let (_, answer) = at_google(&clouds, &provider, &github(&clouds, "elsewhere").await).await;
    assert!(
        answer["error_description"].as_str().unwrap().starts_with("The audience in ID Token"),
        "{answer}"
    );
    clouds.handle().world_mut().workloads.github.repository = "stranger/fork".to_owned();
    let token = github(&clouds, &format!("https:{provider}")).await;
    let (_, answer) = at_google(&clouds, &provider, &token).await;
    assert_eq!(answer["error"], "unauthorized_client", "{answer}");
    let (_, answer) = clouds
        .exchange(&github(&clouds, "api://AzureADTokenExchange").await, &[("client_id", &client_id)])
        .await;
    assert_eq!(answer["error_codes"][0], 700213, "{answer}");
}

#[tokio::test]
async fn each_proof_verifies_where_aws_looks() {
    let clouds = start().await;
    for token in [
        github(&clouds, "sts.amazonaws.com").await,
        google_vm(&clouds, "sts.amazonaws.com").await,
        azure_vm(&clouds, &clouds.local.state().workloads.app_id_uri.unwrap()).await,
        file(&clouds, Workload::Eks, To::Aws),
        file(&clouds, Workload::Aks, To::Aws),
        file(&clouds, Workload::Gke, To::Aws),
    ] {
        let issuer = claims(&token)["iss"].as_str().unwrap().to_owned();
        let kid =
            carnet_localclouds::jwt::Token::parse(&token).unwrap().header_text("kid").unwrap().to_owned();
        assert!(clouds.handle().aws_issuers.key(&issuer, &kid).await.is_ok(), "{issuer}");
    }
    let id = clouds.handle().other_keys().unwrap().key_id(Algorithm::Rs512);
    assert!(clouds.handle().aws_issuers.key("https://cognito-identity.amazonaws.com", &id).await.is_ok());
}

#[tokio::test]
async fn a_configuration_without_other_clouds_has_no_such_workloads() {
    let config = "[aws]\naccount = \"123456789012\"\nregion = \"eu-central-1\"\nstack = \"carnet\"\n";
    let config = carnet_trust::config::Config::parse(config).unwrap();
    let world = carnet_localclouds::World::from_config(&config, std::path::Path::new(".")).unwrap();
    let clouds = crate::clouds::start_with(world, Default::default()).await;
    for workload in Workload::ALL {
        let found = variables(&clouds.local.state(), workload, None);
        let is_there =
            matches!(workload, Workload::GitHub | Workload::Aks | Workload::Gke | Workload::Cognito);
        assert_eq!(found.is_ok(), is_there, "{workload}: {:?}", found.err());
    }
}
