//! From the AWS session to a blob's bytes, in this process: mint, exchange, read.

use carnet_federation::Scope;
use carnet_localclouds::faults::Hop;
use carnet_objects::azure::SCOPE;
use carnet_objects::{Key, ReadRequest, Verdict, read_to_vec};
use carnet_tests::Stage;

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
async fn a_thousand_cold_callers_make_one_mint_and_one_exchange() {
    let stage = Stage::new().await;
    let credential = stage.credential(|_| {}).await.unwrap();
    let scope = Scope::new(SCOPE);
    let calls = (0..1000).map(|_| credential.token(&scope));
    let tokens = futures_util::future::join_all(calls).await;
    assert!(tokens.iter().all(Result::is_ok));
    let faults = &stage.local.shared.faults;
    assert_eq!(faults.seen(Hop::Sts).len(), 1);
    assert_eq!(faults.seen(Hop::EntraToken).len(), 1);
}
