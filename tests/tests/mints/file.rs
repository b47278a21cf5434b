use crate::{AUDIENCE, fails, mint, token};
use serde_json::json;
use std::path::Path;

async fn with(path: &Path) -> crate::cli_support::Run {
    mint(&[("CARNET_MINT", "token-file"), ("CARNET_TOKEN_FILE", path.to_str().unwrap())]).await
}

#[tokio::test]
async fn a_projected_token_is_read_and_shown_as_the_roles_trust_compares_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let claims = json!({
        "iss": "https://oidc.eks.eu-central-1.amazonaws.com/id/ABC",
        "sub": "system:serviceaccount:shop:reader", "aud": [AUDIENCE],
    });
    std::fs::write(&path, format!("{}\n", token(claims, 600))).unwrap();
    let shown = with(&path).await.ok().json();
    let trust = &shown["role_trust"];
    let provider = "oidc.eks.eu-central-1.amazonaws.com/id/ABC";
    assert_eq!(trust["principal"], format!("arn:aws:iam::ACCOUNT:oidc-provider/{provider}"));
    assert_eq!(
        trust["conditions"],
        json!([
            { "key": format!("{provider}:aud"), "equals": AUDIENCE },
            { "key": format!("{provider}:sub"), "equals": "system:serviceaccount:shop:reader" },
        ])
    );
}

#[tokio::test]
async fn each_fault_of_the_file_has_its_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let unreadable = fails(&with(&path).await, 3, "cannot be read", "token-file");
    for part in ["CARNET_TOKEN_FILE", path.to_str().unwrap()] {
        assert!(unreadable["message"].as_str().unwrap().contains(part), "{unreadable}");
    }
    fails(&with(folder.path()).await, 3, "is no file", "token-file");
    std::fs::write(&path, "\n").unwrap();
    fails(&with(&path).await, 3, "is empty", "token-file");
    std::fs::write(&path, "e".repeat(20_001)).unwrap();
    fails(&with(&path).await, 3, "is longer than", "token-file");
    std::fs::write(&path, "<html>").unwrap();
    fails(&with(&path).await, 3, "holds no JWT", "token-file");
    std::fs::write(&path, token(json!({ "aud": AUDIENCE }), -90)).unwrap();
    fails(&with(&path).await, 3, "has ended", "token-file-expired");
    std::fs::write(&path, token(json!({ "aud": "vault" }), 600)).unwrap();
    let other = fails(&with(&path).await, 3, "another audience than api://carnet-aws", "token-audience");
    assert_eq!((&other["field"], &other["presented"]), (&json!("audience"), &json!("vault")));
}
