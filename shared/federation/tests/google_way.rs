//! The way to Google against a loopback server that says what it is told to: what is sent, and what
//! becomes of each answer. That Google's rules are met is shown on the stand-ins, not here.

mod loopback;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use carnet_federation::adapter::google::{GoogleCredential, recover};
use carnet_federation::config::{Env, Faults, GoogleSettings};
use carnet_federation::exchange::Google;
use carnet_federation::http::Http;
use carnet_federation::mint::{AwsSession, CallerIdentity};
use carnet_federation::{
    Assertion, Audience, BoxFuture, Claims, Credential, Error, Hop, Kind, Mint, Proof, Result, Scope, Secret,
    doctor,
};
use google_cloud_auth::credentials::{CacheableResource, EntityTag};
use loopback::{Answer, Server, answer, with_header};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

const PROVIDER: &str = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/aws-one";
const ACCOUNT: &str = "reader@my-project.iam.gserviceaccount.com";
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_only";
const GRANTED: &str = r#"{"access_token":"federated-token","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":3599}"#;
const DENIED: &str = r#"{"error":{"code":403,"message":"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"IAM_PERMISSION_DENIED","domain":"iam.googleapis.com"}]}}"#;

fn granted() -> Answer {
    answer(200, GRANTED)
}

fn oauth(error: &str, description: &str) -> Answer {
    answer(400, &serde_json::json!({"error": error, "error_description": description}).to_string())
}

fn impersonated(lives: i64) -> Answer {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
    let end = aws_smithy_types::DateTime::from_secs(now + lives)
        .fmt(aws_smithy_types::date_time::Format::DateTime)
        .unwrap();
    answer(200, &serde_json::json!({"accessToken": "account-token", "expireTime": end}).to_string())
}

/// Proofs as they come; counts them.
struct Proofs {
    kind: Proof,
    issued_at: Option<u64>,
    made: AtomicU32,
}

impl Mint for Proofs {
    fn target(&self) -> &str {
        "a mint"
    }

    fn mint<'a>(&'a self, audience: &'a Audience) -> BoxFuture<'a, Result<Assertion>> {
        let n = self.made.fetch_add(1, Ordering::Relaxed);
        let claims = Claims {
            issuer: "https://issuer.example".to_owned(),
            subject: "arn:aws:iam::111122223333:role/reader".to_owned(),
            audience: vec![audience.to_string()],
            issued_at: self.issued_at,
            ..Claims::default()
        };
        let expires_at = SystemTime::now() + Duration::from_secs(300);
        let secret = Secret::new(format!("the proof%20{n}"));
        Box::pin(async move { Ok(Assertion { proof: self.kind, secret, claims, expires_at }) })
    }
}

struct Way {
    sts: Server,
    iam: Server,
    proofs: Arc<Proofs>,
    credential: Credential<Google>,
}

fn way(sts: Vec<Answer>, iam: Vec<Answer>, variables: &[(&str, &str)]) -> Way {
    way_with(Proof::Jwt, None, sts, iam, variables)
}

fn way_with(
    kind: Proof,
    issued_at: Option<u64>,
    sts: Vec<Answer>,
    iam: Vec<Answer>,
    variables: &[(&str, &str)],
) -> Way {
    let (sts, iam) = (Server::start(sts), Server::start(iam));
    let ours = [
        ("CARNET_GOOGLE_AUDIENCE", PROVIDER),
        ("CARNET_GOOGLE_STS_ENDPOINT", &sts.url),
        ("CARNET_GOOGLE_IAM_CREDENTIALS_ENDPOINT", &iam.url),
        ("CARNET_SPREADING_WINDOW_SECONDS", "0"),
    ];
    let env: Env = ours.iter().chain(variables).copied().collect();
    let mut faults = Faults::default();
    let settings = GoogleSettings::read(&env, &mut faults);
    faults.into_result().unwrap();
    let http = Http::from_env(&Env::default()).unwrap();
    let google = Google::new(http, &settings.unwrap()).unwrap();
    let proofs = Arc::new(Proofs { kind, issued_at, made: AtomicU32::new(0) });
    Way { sts, iam, credential: Credential::new(proofs.clone(), google), proofs }
}

impl Way {
    async fn token(&self) -> Result<carnet_federation::AccessToken> {
        self.credential.token(&Scope::new(SCOPE)).await
    }

    async fn fails(&self) -> Error {
        self.token().await.unwrap_err()
    }
}

const AS_ACCOUNT: [(&str, &str); 1] = [("CARNET_GOOGLE_SERVICE_ACCOUNT", ACCOUNT)];

#[tokio::test]
async fn without_a_service_account_the_federated_token_is_the_one() {
    let way = way(vec![granted()], vec![], &[]);
    assert_eq!(way.token().await.unwrap().secret.expose(), "federated-token");
    let asked = &way.sts.asked()[0];
    let form = asked.form();
    assert_eq!(asked.path, "/v1/token");
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:token-exchange");
    assert_eq!(form["audience"], PROVIDER);
    assert_eq!(form["scope"], SCOPE);
    assert_eq!(form["requested_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!(form["subject_token_type"], "urn:ietf:params:oauth:token-type:jwt");
    assert_eq!(form["subject_token"], "the proof%200");
    assert_eq!(form.len(), 6);
}

#[tokio::test]
async fn with_a_service_account_the_federated_token_is_good_for_nothing_else() {
    let variables = [
        AS_ACCOUNT[0],
        ("CARNET_GOOGLE_DELEGATES", "hop@my-project.iam.gserviceaccount.com"),
        ("CARNET_GOOGLE_TOKEN_LIFETIME_SECONDS", "900"),
    ];
    let way = way_with(Proof::SignedAwsRequest, None, vec![granted()], vec![impersonated(900)], &variables);
    let token = way.token().await.unwrap();
    assert_eq!(token.secret.expose(), "account-token");
    assert!(token.expires_at <= SystemTime::now() + Duration::from_secs(900));
    let form = way.sts.asked()[0].form();
    assert_eq!(form["scope"], "https://www.googleapis.com/auth/iam");
    assert_eq!(form["subject_token_type"], "urn:ietf:params:aws:token-type:aws4_request");
    let asked = &way.iam.asked()[0];
    assert_eq!(asked.path, format!("/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"));
    assert_eq!(asked.authorization.as_deref(), Some("Bearer federated-token"));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&asked.body).unwrap(),
        serde_json::json!({
            "scope": [SCOPE],
            "lifetime": "900s",
            "delegates": ["projects/-/serviceAccounts/hop@my-project.iam.gserviceaccount.com"],
        })
    );
}

#[tokio::test]
async fn a_refused_exchange_is_tried_again_for_the_next_caller() {
    let refusal =
        oauth("invalid_target", "The target service indicated by the \"audience\" parameters is invalid.");
    let way = way(vec![refusal, granted()], vec![], &[]);
    let error = way.fails().await;
    assert_eq!(
        (error.hop(), error.kind(), error.code()),
        (Hop::Exchange, Kind::Refused, Some("invalid_target"))
    );
    assert_eq!((error.field(), error.presented()), (Some("pool or provider"), Some(PROVIDER)));
    assert!(error.message().starts_with("The target service indicated"), "{error}");
    assert!(way.token().await.is_ok());
}

#[tokio::test]
async fn what_may_be_spreading_is_tried_again_inside_its_window() {
    let condition =
        oauth("unauthorized_client", "The given credential is rejected by the attribute condition.");
    let window = [("CARNET_SPREADING_WINDOW_SECONDS", "30")];
    let way = way(vec![condition, granted()], vec![], &window);
    assert!(way.token().await.is_ok());
    assert_eq!((way.sts.asked().len(), way.proofs.made.load(Ordering::Relaxed)), (2, 1));
}

#[tokio::test]
async fn a_stale_proof_is_minted_again_once() {
    let stale = oauth("invalid_grant", "ID Token issued at 1700000000 is stale to sign-in.");
    let good = way(vec![stale.clone(), granted()], vec![], &[]);
    assert!(good.token().await.is_ok());
    assert_eq!(good.sts.asked()[1].form()["subject_token"], "the proof%201");
    let bad = way(vec![stale], vec![], &[]);
    assert_eq!(bad.fails().await.field(), Some("clock"));
    assert_eq!(bad.proofs.made.load(Ordering::Relaxed), 2);
}

/// Google's words for a signed request out of its time are not documented; its `Date` is enough.
#[tokio::test]
async fn a_signed_request_out_of_its_time_is_made_again_whatever_google_says() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let words = || oauth("invalid_grant", "some words");
    for (issued_at, made) in [(now - 600, 2), (now + 600, 2), (now, 1)] {
        let way = way_with(Proof::SignedAwsRequest, Some(issued_at), vec![words()], vec![], &[]);
        let error = way.fails().await;
        assert_eq!(way.proofs.made.load(Ordering::Relaxed), made, "{issued_at}: {error}");
        assert_eq!(error.field() == Some("clock"), made == 2);
        assert!(error.message().starts_with("some words"));
    }
}

#[tokio::test]
async fn impersonation_fails_as_itself() {
    let way = way(vec![granted()], vec![answer(403, DENIED)], &AS_ACCOUNT);
    let error = way.fails().await;
    assert_eq!((error.hop(), error.kind(), error.status()), (Hop::Impersonate, Kind::Forbidden, Some(403)));
    assert_eq!(error.hint().unwrap().anchor, "getaccesstoken-denied");
    let presented = error.presented().unwrap();
    assert!(presented.contains(ACCOUNT) && presented.contains("role/reader"), "{presented}");
}

#[tokio::test]
async fn a_missing_service_account_is_never_a_missing_object() {
    let body = r#"{"error":{"code":404,"message":"Not found","status":"NOT_FOUND"}}"#;
    let error = way(vec![granted()], vec![answer(404, body)], &AS_ACCOUNT).fails().await;
    assert_eq!((error.hop(), error.kind()), (Hop::Impersonate, Kind::Refused));
}

#[tokio::test]
async fn answers_that_cannot_be_right_are_never_used() {
    let without = |field: &str| {
        let mut answer: serde_json::Map<String, serde_json::Value> = serde_json::from_str(GRANTED).unwrap();
        answer.remove(field).unwrap();
        self::answer(200, &serde_json::Value::from(answer).to_string())
    };
    let absurd = |seconds: &str| answer(200, &GRANTED.replace("3599", seconds));
    let wrong = [
        without("access_token"),
        without("token_type"),
        without("issued_token_type"),
        without("expires_in"),
        absurd("0"),
        absurd("-5"),
        absurd("999999999"),
        answer(200, "{\"access_token\":"),
        answer(200, &" ".repeat(70_000)),
    ];
    for wrong in wrong {
        let said = wrong.body.clone();
        let error = way(vec![wrong], vec![], &[]).fails().await;
        assert_eq!((error.hop(), error.kind()), (Hop::Exchange, Kind::Malformed), "{said}: {error}");
    }
    let moved = with_header(answer(307, ""), "location: http://127.0.0.1:9/");
    assert_eq!(way(vec![moved], vec![], &[]).fails().await.hint().unwrap().anchor, "redirected");
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let page = answer(200, "<html>sign in</html>");
    let way =
        way(vec![page, answer(503, ""), granted()], vec![answer(500, "{}"), impersonated(3600)], &AS_ACCOUNT);
    assert!(way.token().await.is_ok());
    assert_eq!((way.sts.asked().len(), way.iam.asked().len()), (3, 2));
}

#[tokio::test]
async fn throttling_is_obeyed_or_reported_at_once() {
    let quota = answer(429, r#"{"error":"quota_exceeded","error_description":"Quota exceeded."}"#);
    let way = way(vec![with_header(quota, "retry-after: 60")], vec![], &[]);
    let error = way.fails().await;
    assert_eq!((error.kind(), error.retry_after()), (Kind::Throttled, Some(Duration::from_secs(60))));
    assert_eq!(way.sts.asked().len(), 1);
}

#[tokio::test]
async fn an_end_in_the_past_is_a_fault_of_the_clock_and_no_panic() {
    let error = way(vec![granted()], vec![impersonated(-60)], &AS_ACCOUNT).fails().await;
    assert_eq!(
        (error.hop(), error.kind(), error.field()),
        (Hop::Impersonate, Kind::Malformed, Some("clock"))
    );
    for absurd in [impersonated(50_000), answer(200, r#"{"accessToken":"t","expireTime":"soon"}"#)] {
        let error = way(vec![granted()], vec![absurd], &AS_ACCOUNT).fails().await;
        assert_eq!((error.kind(), error.hint().unwrap().anchor), (Kind::Malformed, "not-a-token-service"));
    }
}

/// This machine an hour ahead of Google: the token seems to have ended, and has not.
#[tokio::test]
async fn a_clock_that_is_known_to_be_off_does_not_cost_the_token() {
    let an_hour_ago = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(3600));
    let token = with_header(impersonated(-60), &format!("date: {an_hour_ago}"));
    let token = way(vec![granted()], vec![token], &AS_ACCOUNT).token().await.unwrap();
    let left = token.expires_at.duration_since(SystemTime::now()).unwrap();
    assert!(left > Duration::from_secs(3500) && left <= Duration::from_secs(3600), "{left:?}");
}

#[tokio::test]
async fn googles_clients_keep_headers_until_the_token_changes() {
    let second = answer(200, &GRANTED.replace("federated-token", "another-token").replace("3599", "3000"));
    let way = way(vec![granted(), second], vec![], &[]);
    let credential = GoogleCredential::new(way.credential.clone(), Scope::new(SCOPE));
    let credentials = credential.credentials();
    assert_eq!(credentials.universe_domain().await.as_deref(), Some("googleapis.com"));
    let headers = async |tag: Option<EntityTag>| {
        let mut extensions = http::Extensions::new();
        if let Some(tag) = tag {
            extensions.insert(tag);
        }
        credentials.headers(extensions).await.unwrap()
    };
    let CacheableResource::New { entity_tag, data } = headers(None).await else { panic!("no headers") };
    assert_eq!(data["authorization"], "Bearer federated-token");
    assert!(data["authorization"].is_sensitive());
    assert!(matches!(headers(Some(entity_tag.clone())).await, CacheableResource::NotModified));
    credential.rejected();
    let CacheableResource::New { entity_tag: next, data } = headers(Some(entity_tag.clone())).await else {
        panic!("the old headers")
    };
    assert!(next != entity_tag && data["authorization"] == "Bearer another-token");
    credential.rejected();
    credential.rejected();
    assert!(credential.token().await.is_ok());
    assert_eq!(way.sts.asked().len(), 3);
}

#[tokio::test]
async fn our_error_is_found_again_inside_googles() {
    let way = way(vec![granted()], vec![answer(403, DENIED)], &AS_ACCOUNT);
    let credentials = GoogleCredential::new(way.credential.clone(), Scope::new(SCOPE)).credentials();
    let error = credentials.headers(http::Extensions::new()).await.unwrap_err();
    assert!(!error.is_transient());
    assert_eq!(recover(&error).unwrap().hop(), Hop::Impersonate);
}

#[tokio::test]
async fn the_doctor_ends_where_the_way_ends() {
    let report = doctor::google(
        way(vec![granted()], vec![answer(403, DENIED)], &AS_ACCOUNT).credential.clone(),
        Scope::new(SCOPE),
    )
    .await;
    let hops: Vec<_> = report.hops.iter().map(|step| (step.hop, step.ok)).collect();
    assert_eq!(hops, [("mint", true), ("exchange", true), ("impersonate", false)]);
    assert!(!report.ok);
    let direct =
        doctor::google(way(vec![granted()], vec![], &[]).credential.clone(), Scope::new(SCOPE)).await;
    assert!(direct.ok && direct.hops.len() == 2);
    let said = serde_json::to_string(&(report, direct)).unwrap();
    assert!(!said.contains("federated-token") && !said.contains("the proof"), "{said}");
}

/// Asking AWS who we are may fail where the way to Google is open: Google asks AWS itself.
#[tokio::test]
async fn the_doctor_says_who_aws_takes_us_for_and_goes_on_without_it() {
    let arn = "arn:aws:sts::111122223333:assumed-role/reader/function";
    let known = answer(
        200,
        &format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>{arn}</Arn><UserId>AROAEXAMPLE:function</UserId><Account>111122223333</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
        ),
    );
    let refused = answer(
        403,
        "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>It has expired.</Message></Error>\
         <RequestId>r</RequestId></ErrorResponse>",
    );
    for (aws, field, said) in [(known, "caller_arn", arn), (refused, "caller_arn_unknown", "It has expired.")]
    {
        let (aws, sts) = (Server::start(vec![aws]), Server::start(vec![granted()]));
        let http = Http::from_env(&Env::default()).unwrap();
        let mint = CallerIdentity::new(session(&http, &aws.url), http.clone()).unwrap();
        let env = [("CARNET_GOOGLE_AUDIENCE", PROVIDER), ("CARNET_GOOGLE_STS_ENDPOINT", &sts.url)];
        let settings = GoogleSettings::read(&env.into_iter().collect(), &mut Faults::default()).unwrap();
        let credential = Credential::new(Arc::new(mint), Google::new(http, &settings).unwrap());
        let report = doctor::google(credential, Scope::new(SCOPE)).await;
        assert!(report.ok, "{:?}", report.hops);
        let found = report.hops[0].found.as_ref().unwrap();
        assert!(found[field].as_str().unwrap().contains(said), "{found}");
        assert!(aws.asked()[0].body.contains("Action=GetCallerIdentity"));
    }
}

fn session(http: &Http, sts: &str) -> AwsSession {
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", Some("session".to_owned()), None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .http_client(http.aws_token_services())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(sts);
    AwsSession::from_config(config.build()).unwrap()
}
