//! From the AWS session to a blob's bytes, in this process: mint, exchange, read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carnet_federation::mint::Tag;
use carnet_federation::{Audience, Kind, Mint as _};
use carnet_objects::{Key, ReadRequest, Verdict, read_to_vec};
use carnet_tests::Stage;
use carnet_trust::aws::Policy;

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_is_read_without_a_key() {
    let stage = Stage::new().await;
    stage.put("reports/summer figures.csv", "a,b\n1,2\n");
    let source = stage.source().await.unwrap();
    let key = Key::parse("reports/summer figures.csv").unwrap();
    let (meta, bytes, verdict) = read_to_vec(source, &key, ReadRequest::default(), 1024).await.unwrap();
    assert_eq!(bytes, b"a,b\n1,2\n");
    assert_eq!(meta.size, 8);
    assert!(matches!(verdict, Verdict::Verified { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_need_a_permission_of_their_own_and_then_stand_in_the_token() {
    let stage = Stage::new().await;
    let tag = Tag { key: "build".into(), value: "42".into() };
    let mint = stage.mint(&stage.http(), stage.access_key(None)).await.unwrap().with_tags(&[tag]).unwrap();
    let audience = Audience::new("api://AzureADTokenExchange");
    let error = mint.mint(&audience).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Forbidden, Some("AccessDenied")), "{error}");

    let allow = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:TagGetWebIdentityToken","Resource":"*"}}"#;
    let policy: Policy = serde_json::from_str(allow).unwrap();
    stage.local.shared.world_mut().aws.roles.values_mut().for_each(|role| role.policies.push(policy.clone()));
    let proof = mint.mint(&audience).await.unwrap();
    let payload = proof.secret.expose().split('.').nth(1).unwrap();
    let payload: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    assert_eq!(payload["https://sts.amazonaws.com/"]["request_tags"]["build"], "42");
}
