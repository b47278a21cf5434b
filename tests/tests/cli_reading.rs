//! `carnet token`, `ls` and `cat`, the real binary against the stand-ins.

mod cli_support;

use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_localclouds::imds;
use carnet_tests::{ACCOUNT, BUCKET, CLIENT, CONTAINER, SERVICE_ACCOUNT, Stage, each};
use cli_support::{Vars, carnet, carnet_with, changed};
use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

const ROLE: &str = "arn:aws:iam::123456789012:role/carnet-eu-central-1-operator";

/// A store as the command names it, and what of it shows.
#[derive(Clone, Copy)]
struct Store {
    scheme: &'static str,
    path: &'static [&'static str],
    lists: Hop,
    bytes: Hop,
    /// The digests that it keeps of `hello`, in hexadecimal, by their names.
    digests: &'static [(&'static str, &'static str)],
    /// The one that is checked.
    checked: &'static str,
}

const MD5: (&str, &str) = ("md5", "5d41402abc4b2a76b9719d911017c592");
const AZURE: Store = Store {
    scheme: "azure",
    path: &[ACCOUNT, CONTAINER],
    lists: Hop::Blob,
    bytes: Hop::Blob,
    digests: &[MD5],
    checked: "MD5",
};
const GOOGLE: Store = Store {
    scheme: "gs",
    path: &[BUCKET],
    lists: Hop::GoogleStorage,
    bytes: Hop::GoogleMedia,
    digests: &[MD5, ("crc32c", "9a71bb4c")],
    checked: "CRC32C",
};

impl Store {
    fn url(self, rest: &str) -> String {
        format!("{}://{}{rest}", self.scheme, self.path.join("/"))
    }
}

each!(AZURE as azure, GOOGLE as google: (
    ls_lists_one_level_or_all_over_many_pages,
    ls_tells_the_digests_the_store_keeps,
    cat_writes_the_bytes_and_says_whether_they_were_checked,
    a_file_appears_whole_or_not_at_all,
    a_reader_that_has_enough_is_no_error,
    an_instance_profile_is_enough,
));

#[tokio::test(flavor = "multi_thread")]
async fn token_shows_the_claims_and_what_entra_must_know() {
    let stage = Stage::new().await;
    let run = carnet(&stage, &["token"]).await.ok();
    let (state, text) = (stage.local.state(), run.text());
    for part in [
        state.aws.issuer.as_str(),
        ROLE,
        "api://AzureADTokenExchange",
        "RS256",
        "jti",
        "UTC (in ",
        "aws_account",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let document = carnet(&stage, &["token", "--format", "json"]).await.ok().json();
    assert_eq!(document["federated_credential"]["issuer"], state.aws.issuer);
    assert_eq!(document["federated_credential"]["subject"], ROLE);
    assert_eq!(
        document["federated_credential"]["audiences"],
        serde_json::json!(["api://AzureADTokenExchange"])
    );
    assert_eq!(document["claims"]["algorithm"], "RS256");
    assert_eq!(document["aws"]["aws_account"], "123456789012");
    assert!(
        document["expires_in"].as_u64().is_some_and(|seconds| (1..=300).contains(&seconds)),
        "{document}"
    );
    assert!(document.get("token").is_none() && document.get("exchange").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn token_is_shown_on_request_only_and_alone() {
    let stage = Stage::new().await;
    let run = carnet(&stage, &["token", "--show-token"]).await.ok();
    let text = run.text();
    assert!(text.starts_with("eyJ") && text.trim_end().split('.').count() == 3 && text.lines().count() == 1);
    assert!(run.stderr.contains("subject"), "{}", run.stderr);
    let quiet = carnet(&stage, &["token", "--show-token", "--quiet"]).await.ok();
    assert_eq!(quiet.stderr, "");
    let document = carnet(&stage, &["token", "--show-token", "--format", "json"]).await.ok().json();
    assert!(document["token"].as_str().is_some_and(|token| token.starts_with("eyJ")));
}

#[tokio::test(flavor = "multi_thread")]
async fn token_tells_whether_entra_takes_it() {
    let stage = Stage::new().await;
    let document = carnet(&stage, &["token", "--exchange", "--format", "json"]).await.ok().json();
    assert_eq!(document["exchange"]["client_id"], CLIENT);
    assert!(document["exchange"]["expires_in"].as_u64().is_some_and(|seconds| seconds > 3000), "{document}");
    // For minting alone nothing of Azure needs to be known.
    let vars =
        changed(&stage, &[("AZURE_TENANT_ID", ""), ("AZURE_CLIENT_ID", ""), ("AZURE_AUTHORITY_HOST", "")]);
    carnet_with(&vars, &["token"]).await.ok();
    assert_eq!(carnet_with(&vars, &["token", "--exchange"]).await.code, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn token_shows_what_googles_oidc_provider_must_know() {
    let stage = Stage::new().await;
    let (state, args) = (stage.local.state(), ["token", "--cloud", "google"]);
    let text = carnet(&stage, &args).await.ok().text();
    let said =
        [state.aws.issuer.as_str(), ROLE, &state.google.audience, "RS256", "OIDC provider", "assertion.sub"];
    for part in said {
        assert!(text.contains(part), "{part} in {text}");
    }
    let document = carnet(&stage, &[&args[..], &["--format", "json"]].concat()).await.ok().json();
    let provider = &document["oidc_provider"];
    assert_eq!(provider["issuer"], state.aws.issuer);
    assert_eq!(provider["subject"], ROLE);
    assert_eq!(provider["allowed_audiences"], serde_json::json!([state.google.audience]));
    assert!(document.get("token").is_none() && document.get("exchange").is_none());
    assert_eq!(stage.count(Hop::GoogleSts), 0, "Google was not asked");
}

/// The operator's environment, for the AWS provider.
fn by_role(stage: &Stage, more: &[(&str, &str)]) -> Vars {
    let provider = stage.provider("aws-names");
    let own = [("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "aws4_request"), ("CARNET_GOOGLE_AUDIENCE", &*provider)];
    changed(stage, &[&own[..], more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn token_shows_what_googles_aws_provider_must_know() {
    let stage = Stage::new().await;
    let (vars, args) = (by_role(&stage, &[]), ["token", "--cloud", "google"]);
    let arn = "arn:aws:sts::123456789012:assumed-role/carnet-eu-central-1-operator/operator";
    let text = carnet_with(&vars, &args).await.ok().text();
    for part in ["AWS provider", "123456789012", arn, &stage.provider("aws-names")] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let document = carnet_with(&vars, &[&args[..], &["--format", "json"]].concat()).await.ok().json();
    assert_eq!(document["aws_provider"], serde_json::json!({ "account": "123456789012", "arn": arn }));
    let shown = carnet_with(&vars, &[&args[..], &["--show-token"]].concat()).await.ok();
    let token = shown.text();
    assert!(token.lines().count() == 1 && token.starts_with('%') && token.contains("GetCallerIdentity"));
    assert!(token.contains("x%2Dgoog%2Dcloud%2Dtarget%2Dresource"), "the target is named: {token}");
    assert!(shown.stderr.contains(arn), "{}", shown.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn token_tells_whether_google_takes_it_and_as_whom() {
    let stage = Stage::new().await;
    let account = [("CARNET_GOOGLE_SERVICE_ACCOUNT", SERVICE_ACCOUNT)];
    for (vars, account) in [
        (stage.env(), None),
        (by_role(&stage, &[]), None),
        (changed(&stage, &account), Some(SERVICE_ACCOUNT)),
        (by_role(&stage, &account), Some(SERVICE_ACCOUNT)),
    ] {
        let args = ["token", "--cloud", "google", "--exchange"];
        let exchange =
            &carnet_with(&vars, &[&args[..], &["--format", "json"]].concat()).await.ok().json()["exchange"];
        assert_eq!(exchange["service_account"].as_str(), account);
        assert_eq!(exchange["scope"], carnet_objects::google::SCOPE);
        assert!(exchange["expires_in"].as_u64().is_some_and(|seconds| seconds > 3000), "{exchange}");
        let text = carnet_with(&vars, &args).await.ok().text();
        assert!(
            text.contains("Taken by Google") && account.is_none_or(|account| text.contains(account)),
            "{text}"
        );
    }
    // Nothing of Azure needs to be known.
    let vars =
        changed(&stage, &[("AZURE_TENANT_ID", ""), ("AZURE_CLIENT_ID", ""), ("AZURE_AUTHORITY_HOST", "")]);
    carnet_with(&vars, &["token", "--cloud", "google", "--exchange"]).await.ok();
}

async fn ls_lists_one_level_or_all_over_many_pages(store: Store) {
    let stage = Stage::new().await;
    for index in 0..25 {
        stage.put(&format!("reports/{index:02}.csv"), "x".repeat(index));
    }
    stage.put("top.txt", "hello");
    let top = carnet(&stage, &["ls", &store.url("/")]).await.ok().text();
    let lines: Vec<_> = top.lines().map(str::trim_end).collect();
    assert_eq!(lines.len(), 2, "{top}");
    assert!(lines[0].ends_with("  reports/") && lines[1].ends_with("  top.txt"), "{top}");
    assert!(lines[1].trim_start().starts_with("5  20"), "size, then the date: {top}");

    let all = ["ls", "--recursive", "--page-size", "10", "--format", "json", &store.url("")];
    let objects = carnet(&stage, &all).await.ok().lines();
    let keys: Vec<_> =
        objects.iter().map(|object| object["key"].as_str().expect("a key").to_owned()).collect();
    assert_eq!(keys.len(), 26);
    assert!(keys.is_sorted() && keys.contains(&"reports/24.csv".to_owned()), "{keys:?}");
    assert_eq!(objects[24]["size"], 24);
    assert!(
        objects[0]["etag"].is_string()
            && objects[0]["last_modified"].as_str().is_some_and(|at| at.ends_with('Z'))
    );
    let pages = stage.local.shared.faults.seen(store.lists);
    assert!(pages.len() >= 4, "one for the top, three of at most ten: {pages:?}");

    let prefix = carnet(&stage, &["ls", "--long", &store.url("/reports/1")]).await.ok().text();
    assert_eq!(prefix.lines().count(), 10, "{prefix}");
    assert_eq!(carnet(&stage, &["ls", &store.url("/nothing/")]).await.ok().text(), "");
}

async fn ls_tells_the_digests_the_store_keeps(store: Store) {
    let stage = Stage::new().await;
    stage.put("hello.txt", "hello");
    let run = carnet(&stage, &["ls", "--format", "json", &store.url("/hello.txt")]).await.ok();
    let object = &run.lines()[0];
    for (name, _) in [MD5, ("crc32c", "")] {
        let kept = store.digests.iter().find(|(kept, _)| *kept == name).map(|(_, digest)| *digest);
        assert_eq!(object.get(name).and_then(|digest| digest.as_str()), kept, "{name} in {object}");
    }
    let long = carnet(&stage, &["ls", "--long", &store.url("/hello.txt")]).await.ok().text();
    for part in store.digests.iter().map(|(_, digest)| *digest).chain(["text/plain", "hello.txt"]) {
        assert!(long.contains(part), "{part} in {long}");
    }
}

async fn cat_writes_the_bytes_and_says_whether_they_were_checked(store: Store) {
    let stage = Stage::new().await;
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    stage.put("dir/big file.bin", &bytes);
    let run = carnet(&stage, &["cat", &store.url("/dir/big file.bin")]).await.ok();
    assert!(run.stdout == bytes, "the same bytes");
    assert_eq!(run.stderr, "");
    let run = carnet(&stage, &["cat", "--format", "json", &store.url("/dir/big file.bin")]).await.ok();
    assert_eq!(
        (&run.error()["verdict"], &run.error()["digest"]),
        (&"verified".into(), &store.checked.into())
    );
    assert_eq!(run.error()["size"], bytes.len());
    for (range, part) in
        [("bytes=0-9", 0..10), ("5-", 5..bytes.len()), ("-16", bytes.len() - 16..bytes.len())]
    {
        let run = carnet(&stage, &["cat", "--range", range, &store.url("/dir/big file.bin")]).await.ok();
        assert!(run.stdout == bytes[part], "{range}");
    }
    let run = carnet(&stage, &["cat", "--range", "0-9", "-v", &store.url("/dir/big file.bin")]).await.ok();
    assert!(run.stderr.contains("a part of the object"), "{}", run.stderr);
}

async fn a_file_appears_whole_or_not_at_all(store: Store) {
    let stage = Stage::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out.bin");
    let name = file.to_str().expect("a plain path");
    let bytes = vec![7u8; 1_500_000];
    stage.put("blob.bin", &bytes);
    let fetch = ["cat", &store.url("/blob.bin"), "-o", name];

    // Cut once: resumed.
    let cut = Rule::always(store.bytes, Fault::CutBody { after: 400_000 }).times(1);
    stage.local.shared.faults.set(vec![cut]);
    carnet(&stage, &fetch).await.ok();
    assert!(std::fs::read(&file).expect("the file") == bytes);

    // Wrong bytes, however often: nothing replaces what was there, and nothing is left beside it.
    std::fs::write(&file, "before").expect("an older file");
    stage.local.shared.faults.set(vec![Rule::always(store.bytes, Fault::CorruptBody)]);
    let run = carnet(&stage, &fetch).await;
    assert_eq!(run.code, 9, "{run:?}");
    assert_eq!(std::fs::read(&file).expect("the file"), b"before");
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1);

    // Wrong once: read anew.
    stage.local.shared.faults.set(vec![Rule::always(store.bytes, Fault::CorruptBody).times(1)]);
    carnet(&stage, &fetch).await.ok();
    assert!(std::fs::read(&file).expect("the file") == bytes);
}

async fn a_reader_that_has_enough_is_no_error(store: Store) {
    let stage = Stage::new().await;
    stage.put("big.bin", vec![1u8; 8 << 20]);
    let mut child = cli_support::command(&stage.env(), &["cat", &store.url("/big.bin")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("carnet runs");
    let stdout = child.stdout.take().expect("a pipe").into_owned_fd().expect("a pipe");
    let one_look = tokio::task::spawn_blocking(move || {
        // Closed at the end of this, while the rest is still to be written.
        File::from(stdout).read_exact(&mut [0; 16]).expect("the first bytes");
    });
    one_look.await.expect("a look");
    let output = child.wait_with_output().await.expect("an end");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// An EC2 instance: no variables with keys, a metadata service instead.
async fn on_ec2(stage: &Stage, lifetime: Duration) -> (imds::Imds, Vars) {
    let role = "carnet-eu-central-1-operator";
    let imds = imds::serve(&stage.local.shared, role, lifetime).await.expect("a metadata service");
    let vars = changed(
        stage,
        &[
            ("AWS_ACCESS_KEY_ID", ""),
            ("AWS_SECRET_ACCESS_KEY", ""),
            ("AWS_REGION", ""),
            ("AWS_EC2_METADATA_DISABLED", ""),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.endpoint()),
        ],
    );
    (imds, vars)
}

async fn an_instance_profile_is_enough(store: Store) {
    let stage = Stage::new().await;
    stage.put("a.txt", "from an instance");
    let (imds, vars) = on_ec2(&stage, Duration::from_secs(6 * 3600)).await;
    let document = carnet_with(&vars, &["token", "--format", "json"]).await.ok().json();
    assert_eq!(document["claims"]["subject"], "arn:aws:iam::123456789012:role/carnet-eu-central-1-operator");
    assert!(
        document["aws"]["ec2_source_instance_arn"].as_str().is_some_and(|arn| arn.contains(":instance/i-"))
    );
    assert!(carnet_with(&vars, &["ls", &store.url("/")]).await.ok().text().contains("a.txt"));
    assert_eq!(carnet_with(&vars, &["cat", &store.url("/a.txt")]).await.ok().text(), "from an instance");
    imds.stop().await;
    assert_eq!(carnet_with(&vars, &["token"]).await.code, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_in_ninety_seconds_gets_a_shorter_token() {
    let stage = Stage::new().await;
    let (_imds, vars) = on_ec2(&stage, Duration::from_secs(90)).await;
    let document = carnet_with(&vars, &["token", "--format", "json"]).await.ok().json();
    let seconds = document["expires_in"].as_u64().expect("seconds");
    assert!((60..=85).contains(&seconds), "{seconds}");
    // Too little is left for the shortest token: said before anything is asked of STS.
    let (_imds, vars) = on_ec2(&stage, Duration::from_secs(40)).await;
    let run = carnet_with(&vars, &["token", "--format", "json"]).await;
    assert_eq!((run.code, &run.error()["field"]), (4, &serde_json::json!("duration")), "{run:?}");
}
