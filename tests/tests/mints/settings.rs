use crate::cli_support::carnet_with;
use crate::{GUID, fails, vars};

const PROVIDER: &str = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/azure-pool/providers/azure-one";

async fn refused(args: &[&str], pairs: &[(&str, &str)], said: &[&str]) {
    let args = [args, &["--format", "json"]].concat();
    let run = carnet_with(&vars(pairs), &args).await;
    let error = fails(&run, 3, said[0], "configuration");
    for part in said {
        assert!(error["message"].as_str().unwrap().contains(part), "{part}: {error}");
    }
}

#[tokio::test]
async fn every_fault_of_the_way_into_aws_is_reported_together() {
    let pairs = [
        ("CARNET_MINT", "azure-identity"),
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://example.com"),
        ("AZURE_CLIENT_ID", "reader"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/x"),
        ("AWS_ROLE_SESSION_NAME", "a b"),
        ("CARNET_AWS_SESSION_SECONDS", "60"),
        ("CARNET_AWS_SESSION_POLICY", "{"),
        ("AWS_ENDPOINT_URL_STS", "http://sts.example.com"),
    ];
    let said = [
        "AZURE_POD_IDENTITY_AUTHORITY_HOST: is not a http URL of this machine",
        "AZURE_CLIENT_ID: is not a GUID",
        "AWS_ROLE_ARN: is not a role's ARN",
        "AWS_ROLE_SESSION_NAME: is not 2 to 64",
        "CARNET_AWS_SESSION_SECONDS: is not a number of seconds from 900 to 43200",
        "CARNET_AWS_SESSION_POLICY: is not a JSON object",
        "CARNET_AWS_AUDIENCE: is not set; a token of Entra's is for an App ID URI",
        "AWS_REGION: is not set",
        "AWS_ENDPOINT_URL_STS: is not an https URL",
    ];
    refused(&["aws-credentials"], &pairs, &said).await;
    refused(&["aws-credentials", "--duration", "43201"], &pairs, &["CARNET_AWS_SESSION_SECONDS"]).await;
}

#[tokio::test]
async fn a_mint_that_does_not_exist_or_has_no_settings_is_told() {
    refused(&["token"], &[("CARNET_MINT", "magic")], &["CARNET_MINT: is none of aws, cognito, token-file"])
        .await;
    let mints = [
        ("token-file", "CARNET_TOKEN_FILE: is not set, nor AZURE_FEDERATED_TOKEN_FILE"),
        ("cognito", "CARNET_COGNITO_IDENTITY_POOL_ID: is not set"),
        ("azure-app", "AZURE_CLIENT_SECRET: is not set, nor CARNET_AZURE_CLIENT_SECRET_FROM"),
    ];
    for (mint, said) in mints {
        refused(&["token"], &[("CARNET_MINT", mint)], &[said]).await;
    }
    let google = [("CARNET_MINT", "google-metadata"), ("GCE_METADATA_HOST", "metadata.example.com")];
    refused(&["token"], &google, &["GCE_METADATA_HOST: is not HOST or HOST:PORT of this machine"]).await;
    let both = [
        ("CARNET_MINT", "azure-app"),
        ("AZURE_TENANT_ID", GUID),
        ("AZURE_CLIENT_ID", GUID),
        ("AZURE_CLIENT_SECRET", "s3cret~value"),
        ("CARNET_AZURE_CLIENT_SECRET_FROM", "s3cret~value"),
    ];
    let run = carnet_with(&vars(&both), &["token", "--format", "json"]).await;
    fails(&run, 3, "only one of AZURE_CLIENT_SECRET", "configuration");
    let run = carnet_with(&vars(&[&both[..3], &both[4..]].concat()), &["token", "--format", "json"]).await;
    fails(&run, 3, "is not the URL of a stored secret", "configuration");
    assert!(!run.stderr.contains("s3cret~value"));
}

#[tokio::test]
async fn what_cannot_work_is_refused_before_anything_is_sent() {
    let role = [("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/reports"), ("AWS_REGION", "eu-central-1")];
    let said = ["CARNET_MINT: is not set, which means aws", "use sts:AssumeRole"];
    refused(&["aws-credentials"], &role, &said).await;
    refused(&["token", "--cloud", "aws", "--exchange", "--audience", "x"], &role, &said).await;
    let google = [("CARNET_MINT", "azure-identity"), ("CARNET_GOOGLE_AUDIENCE", PROVIDER)];
    let said = ["CARNET_GOOGLE_TOKEN_AUDIENCE: is not set; a token of Entra's is for an App ID URI"];
    refused(&["token", "--cloud", "google"], &google, &said).await;
    let request = [
        ("CARNET_MINT", "google-metadata"),
        ("CARNET_GOOGLE_AUDIENCE", PROVIDER),
        ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "aws4_request"),
    ];
    let said = ["CARNET_GOOGLE_SUBJECT_TOKEN_TYPE: is aws4_request, which only CARNET_MINT=aws can make"];
    refused(&["token", "--cloud", "google"], &request, &said).await;
    refused(&["ls", "gs://some-bucket"], &request, &said).await;
}
