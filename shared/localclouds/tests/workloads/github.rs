//! GitHub's token endpoint.

use crate::clouds::{Clouds, start};
use crate::{claims, text};
use serde_json::{Value, json};

async fn ask(clouds: &Clouds, audience: Option<&str>, token: Option<&str>) -> (u16, Value) {
    let github = clouds.local.state().workloads.github;
    // The URL has a query of its own.
    assert!(github.url.contains('?'));
    let audience = audience.map(|audience| format!("&audience={audience}")).unwrap_or_default();
    let request = clouds.http.get(format!("{}{audience}", github.url));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let response = request.send().await.unwrap();
    (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn a_job_gets_a_token_about_itself() {
    let clouds = start().await;
    let request_token = clouds.local.state().workloads.github.token;
    let (status, answer) = ask(&clouds, Some("sts.amazonaws.com"), Some(&request_token)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["count"], text(&answer, "value").len());
    let said = claims(&text(&answer, "value"));
    assert_eq!(said["iss"], "https://token.actions.githubusercontent.com");
    assert_eq!(said["sub"], "repo:carnet-demo/assets:ref:refs/heads/main");
    assert_eq!(
        (&said["aud"], &said["repository"]),
        (&"sts.amazonaws.com".into(), &"carnet-demo/assets".into())
    );
    for name in ["job_workflow_ref", "run_id", "repository_owner_id", "ref_type", "runner_environment", "nbf"]
    {
        assert!(said.contains_key(name), "{name}");
    }
    assert!(!said.contains_key("environment"));
    let (_, answer) = ask(&clouds, None, Some(&request_token)).await;
    assert_eq!(claims(&text(&answer, "value"))["aud"], "https://github.com/carnet-demo");
}

#[tokio::test]
async fn the_world_says_what_the_job_is() {
    let clouds = start().await;
    let request_token = clouds.local.state().workloads.github.token;
    let subject = async || {
        let (_, answer) = ask(&clouds, Some("x"), Some(&request_token)).await;
        claims(&text(&answer, "value"))
    };
    clouds.handle().world_mut().workloads.github.event = "pull_request".to_owned();
    assert_eq!(subject().await["sub"], "repo:carnet-demo/assets:pull_request");
    clouds.handle().world_mut().workloads.github.environment = Some("prod".to_owned());
    let said = subject().await;
    assert_eq!(
        (&said["sub"], &said["environment"]),
        (&"repo:carnet-demo/assets:environment:prod".into(), &"prod".into())
    );
    let own = json!({ "sub": "repo:other", "actor": "me" }).as_object().unwrap().clone();
    clouds.handle().world_mut().workloads.github.claims = own;
    let said = subject().await;
    assert_eq!((&said["sub"], &said["actor"]), (&"repo:other".into(), &"me".into()));
}

#[tokio::test]
async fn without_its_request_token_nobody_gets_one() {
    let clouds = start().await;
    assert_eq!(ask(&clouds, Some("x"), None).await.0, 401);
    assert_eq!(ask(&clouds, Some("x"), Some("another")).await.0, 401);
    clouds.handle().world_mut().workloads.github.request_token.clear();
    assert_eq!(ask(&clouds, Some("x"), Some("")).await.0, 401);
}
