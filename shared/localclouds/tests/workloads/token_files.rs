//! Tokens in files.

use crate::claims;
use crate::clouds::start;
use carnet_localclouds::workloads::token_files;

#[tokio::test]
async fn every_cluster_has_a_file_for_each_cloud() {
    let clouds = start().await;
    let files = clouds.local.state().workloads.token_files;
    assert_eq!(files.keys().collect::<Vec<_>>(), ["aks", "eks", "gke"]);
    for (cluster, files) in &files {
        let audiences = [("aws", "sts.amazonaws.com"), ("azure", "api://AzureADTokenExchange")];
        let provider = clouds.local.state().google.providers[&format!("{cluster}-tokens")].clone();
        let google = format!("https:{provider}");
        for (to, audience) in audiences.into_iter().chain([("google", google.as_str())]) {
            let claims = claims(&std::fs::read_to_string(&files[to]).unwrap());
            assert_eq!(claims["aud"], serde_json::json!([audience]), "{cluster} to {to}");
            assert_eq!(claims["sub"], "system:serviceaccount:default:carnet");
            assert_eq!(claims["iss"], clouds.handle().world().workloads.clusters[cluster].issuer);
        }
    }
    assert!(
        claims(&std::fs::read_to_string(&files["aks"]["aws"]).unwrap())["iss"]
            .as_str()
            .unwrap()
            .ends_with('/')
    );
}

#[tokio::test]
async fn a_file_may_end_with_a_line_break_and_is_replaced_whole() {
    let clouds = start().await;
    let path = clouds.local.state().workloads.token_files["eks"]["aws"].clone();
    let before = std::fs::read_to_string(&path).unwrap();
    let mut cluster = clouds.handle().world().workloads.clusters["eks"].clone();
    cluster.line_break = true;
    cluster.service_account = "other".to_owned();
    token_files::write(clouds.handle(), &cluster, "elsewhere", &path).unwrap();
    let after = std::fs::read_to_string(&path).unwrap();
    assert!(after.ends_with('\n') && before != after);
    assert_eq!(claims(after.trim_end())["sub"], "system:serviceaccount:default:other");
    let left = std::fs::read_dir(path.parent().unwrap()).unwrap().flatten();
    assert!(left.into_iter().all(|entry| !entry.file_name().to_string_lossy().contains("partial")));
}
