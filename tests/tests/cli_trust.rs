//! `carnet trust render`: the real binary, on the example and on files that are not what they should be.

mod cli_support;

use cli_support::{Run, carnet_with};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

async fn render(args: &[&str]) -> Run {
    let config = root().join("carnet.toml");
    let mut all = vec!["trust", "render", "--config", config.to_str().expect("text")];
    all.extend(args);
    carnet_with(&Vec::new(), &all).await
}

#[tokio::test]
async fn infra_is_what_the_example_renders() {
    let infra = root().join("infra");
    let run = render(&["--check", "--to", infra.to_str().expect("text")]).await.ok();
    assert_eq!(run.text(), "", "nothing differs, so nothing is said");
}

#[tokio::test]
async fn a_check_says_what_differs_and_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().to_str().expect("text");
    let missing = render(&["--check", "--to", to]).await;
    assert_eq!(missing.code, 1, "{missing:?}");
    assert!(missing.text().lines().any(|line| line.starts_with("missing") && line.ends_with("aws.tf")));
    assert_eq!(std::fs::read_dir(to).expect("a folder").count(), 0);

    render(&["--to", to]).await.ok();
    render(&["--check", "--to", to]).await.ok();
    let azure = folder.path().join("azure.tf");
    let text = std::fs::read_to_string(&azure).expect("it is there");
    let changed = text.replacen("Storage Blob Data Reader", "Storage Blob Data Owner", 1);
    std::fs::write(&azure, &changed).expect("changed");
    std::fs::copy(&azure, folder.path().join("old.tf")).expect("copied");
    std::fs::write(folder.path().join("own.tf"), "# somebody else's\n").expect("written");

    let run = render(&["--check", "--to", to]).await;
    assert_eq!(run.code, 1, "{run:?}");
    let said = run.text();
    assert!(said.contains("-  role_definition_name = \"Storage Blob Data Owner\""), "{said}");
    assert!(said.contains("+  role_definition_name = \"Storage Blob Data Reader\""), "{said}");
    assert!(said.lines().any(|line| line.starts_with("stale") && line.ends_with("old.tf")), "{said}");
    assert!(!said.contains("own.tf"), "files of others are left alone: {said}");
    assert_eq!(std::fs::read_to_string(&azure).expect("it is there"), changed);

    let run = render(&["--prune", "--to", to]).await.ok();
    assert!(run.text().lines().any(|line| line.starts_with("removed") && line.ends_with("old.tf")));
    assert!(folder.path().join("own.tf").exists() && !folder.path().join("old.tf").exists());
    render(&["--check", "--to", to]).await.ok();
}

#[tokio::test]
async fn one_stage_and_one_kind_are_rendered_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().to_str().expect("text");
    render(&["--only", "json", "--stage", "dev", "--to", to]).await.ok();
    let files: Vec<_> =
        std::fs::read_dir(to).expect("a folder").map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["trust.json"]);
    let text = std::fs::read_to_string(folder.path().join("trust.json")).expect("it is there");
    let trust: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let roles = trust["accounts"]["123456789012"]["roles"].as_object().expect("roles");
    // Two functions of the API, four of the sync, that of the secrets, and an instance.
    assert_eq!(roles.len(), 8);
    assert!(roles.keys().all(|role| role.starts_with("carnet-dev-")), "{roles:?}");
}

#[tokio::test]
async fn what_cannot_be_rendered_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().to_str().expect("text");
    let unknown = render(&["--stage", "test", "--to", to]).await;
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(unknown.stderr.contains("dev, prod"), "{}", unknown.stderr);

    let config = folder.path().join("carnet.toml");
    let text = std::fs::read_to_string(root().join("carnet.toml")).expect("the example");
    let wrong =
        text.replace("\"carnet-prod\"", "\"carnet-dev\"").replace("cloud = \"public\"", "cloud = \"moon\"");
    std::fs::write(&config, wrong).expect("written");
    let run = carnet_with(
        &Vec::new(),
        &["trust", "render", "--config", config.to_str().expect("text"), "--to", to],
    )
    .await;
    assert_eq!(run.code, 3, "{run:?}");
    for field in ["stages.prod.stack", "azure.cloud"] {
        assert!(run.stderr.contains(field), "every fault at once: {}", run.stderr);
    }
    assert!(!folder.path().join("aws.tf").exists());
}
