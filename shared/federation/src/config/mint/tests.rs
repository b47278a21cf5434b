use super::*;
use crate::config::gather;

fn read(pairs: &[(&str, &str)]) -> Result<MintOptions, String> {
    let env: Env = pairs.iter().copied().collect();
    let read = gather(|faults| mint_options(&env, faults));
    read.map(|(_, options)| options).map_err(|error| error.message().to_owned())
}

#[test]
fn without_a_name_it_is_aws_and_every_name_is_known() {
    assert!(matches!(read(&[]), Ok(MintOptions::Aws)));
    for kind in MintKind::ALL {
        assert_eq!(MintKind::of(&[("CARNET_MINT", kind.as_str())].into_iter().collect()), Some(kind));
    }
}

#[test]
fn the_clusters_own_variables_name_the_file_in_their_order() {
    let of = |pairs: &[(&str, &str)]| match read(&[&[("CARNET_MINT", "token-file")], pairs].concat()) {
        Ok(MintOptions::TokenFile(options)) => options.variable,
        other => panic!("{other:?}"),
    };
    let (eks, aks) = (("AWS_WEB_IDENTITY_TOKEN_FILE", "/e"), ("AZURE_FEDERATED_TOKEN_FILE", "/a"));
    assert_eq!(of(&[eks]), eks.0);
    assert_eq!(of(&[eks, aks]), aks.0);
    assert_eq!(of(&[eks, aks, ("CARNET_TOKEN_FILE", "/c")]), "CARNET_TOKEN_FILE");
}

#[test]
fn no_options_show_a_secret() {
    let guid = "11111111-2222-4333-8444-555555555555";
    let cases: [&[(&str, &str)]; 3] = [
        &[
            ("CARNET_MINT", "github"),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://h/?v=2"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cret"),
        ],
        &[
            ("CARNET_MINT", "azure-identity"),
            ("IDENTITY_ENDPOINT", "http://169.254.129.3:8081/msi/token"),
            ("IDENTITY_HEADER", "s3cret"),
        ],
        &[
            ("CARNET_MINT", "azure-app"),
            ("AZURE_TENANT_ID", guid),
            ("AZURE_CLIENT_ID", guid),
            ("AZURE_CLIENT_SECRET", "s3cret"),
        ],
    ];
    for pairs in cases {
        let shown = format!("{:?}", read(pairs).unwrap());
        assert!(!shown.contains("s3cret") && shown.contains("[redacted]"), "{shown}");
    }
}

#[test]
fn each_fault_names_its_variable() {
    let said = |pairs: &[(&str, &str)]| read(pairs).unwrap_err();
    let cognito = said(&[
        ("CARNET_MINT", "cognito"),
        ("CARNET_COGNITO_IDENTITY_POOL_ID", "pool"),
        ("CARNET_COGNITO_IDENTITY_ID", "eu:X"),
        ("CARNET_COGNITO_DEVELOPER_USER", "u"),
        ("AWS_ENDPOINT_URL_COGNITO_IDENTITY", "http://c.example"),
    ]);
    for part in ["POOL_ID: is not", "IDENTITY_ID: is not", "PROVIDER: is not set", "COGNITO_IDENTITY: is not"]
    {
        assert!(cognito.contains(part), "{part}: {cognito}");
    }
    let github = [("CARNET_MINT", "github"), ("ACTIONS_ID_TOKEN_REQUEST_URL", "http://h/x")];
    assert!(said(&github).contains("ACTIONS_ID_TOKEN_REQUEST_URL: is not an https URL"));
    for host in ["example.com", "user@127.0.0.1", "127.0.0.1/x", "10.0.0.1"] {
        let google = [("CARNET_MINT", "google-metadata"), ("GCE_METADATA_HOST", host)];
        assert!(said(&google).contains("GCE_METADATA_HOST"), "{host}");
    }
    let account = [("CARNET_MINT", "google-metadata"), ("CARNET_GOOGLE_METADATA_ACCOUNT", "../x")];
    assert!(said(&account).contains("CARNET_GOOGLE_METADATA_ACCOUNT"));
}
