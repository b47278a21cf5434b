//! What to change, for the person who reads the error.
//!
//! One row a code, in one place. Programs decide on kind and status; Microsoft says of its codes
//! that they are subject to change ("Microsoft Entra authentication and authorization error
//! codes"), so a code only chooses advice and whether another try is worth its time. Each anchor
//! exists in `docs/troubleshooting.md`; a test compares the two.

mod aws_role;
mod events;
mod google;
mod mints;
mod s3;
mod secrets;

pub use aws_role::aws_role;
pub use events::*;
pub use mints::*;
pub use s3::s3;
pub use secrets::*;

pub use google::{
    GOOGLE_ALGORITHM, OTHER_GOOGLE_REFUSALS, STALE_PROOF, google_iam, google_storage, google_sts,
};

/// One row of the troubleshooting page.
#[derive(Debug, PartialEq, Eq)]
pub struct Hint {
    /// The heading's anchor in `docs/troubleshooting.md`.
    pub anchor: &'static str,
    /// The trust field or setting at fault, where one is.
    pub field: Option<&'static str>,
    pub advice: &'static str,
    pub remedy: Remedy,
}

/// Whether a program can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Only a person can.
    Change,
    /// A change made minutes ago may still be on its way: tried again inside a bounded window.
    MaySpread,
    /// The proof was out of its time: one fresh one is made.
    MintAgain,
}

impl Hint {
    /// Where it is explained.
    pub fn link(&self) -> String {
        format!("docs/troubleshooting.md#{}", self.anchor)
    }
}

const fn hint(anchor: &'static str, field: &'static str, advice: &'static str) -> Hint {
    Hint { anchor, field: Some(field), advice, remedy: Remedy::Change }
}

const fn spreading(anchor: &'static str, field: &'static str, advice: &'static str) -> Hint {
    Hint { anchor, field: Some(field), advice, remedy: Remedy::MaySpread }
}

const fn plain(anchor: &'static str, advice: &'static str) -> Hint {
    Hint { anchor, field: None, advice, remedy: Remedy::Change }
}

pub static CONFIGURATION: Hint = plain("configuration", "correct the variable; nothing was sent");
pub static PLAIN_HTTP: Hint = plain("plain-http", "use an https endpoint; plain http goes to loopback only");
pub static SENSITIVE_BODIES: Hint =
    hint("log_sensitive_bodies", "LOG_SENSITIVE_BODIES", "unset it: the SDK would write tokens into the log");
pub static UNREACHABLE: Hint = plain(
    "unreachable",
    "check the way out: VPC route or NAT, proxy variables, DNS, a private CA in SSL_CERT_FILE",
);
const THROTTLING: Hint =
    plain("throttled", "the token service asks for fewer calls: wait as long as it says");
pub static THROTTLED: Hint = THROTTLING;
pub static DEADLINE: Hint = plain("deadline", "raise the function's timeout, or see which hop took the time");
pub static NOT_A_TOKEN_SERVICE: Hint = plain(
    "not-a-token-service",
    "something else answered: check the endpoint's host, and proxies in between",
);
pub static REDIRECTED: Hint =
    plain("redirected", "the token service redirects, which is never followed: check the endpoint's host");
const CLOCK_OFF: Hint = hint("clock", "clock", "set this machine's clock");
pub static CLOCK: Hint = CLOCK_OFF;
pub static NO_CREDENTIALS: Hint = plain(
    "no-aws-credentials",
    "give this process an AWS role: a Lambda execution role, an instance profile, or a profile of the AWS CLI",
);
pub static SESSION_ENDING: Hint = hint(
    "sessiondurationescalation",
    "duration",
    "the AWS session ends too soon for a token of 60 s: start a new session",
);
pub static UNKNOWN_REFUSAL: Hint = plain(
    "other-refusals",
    "compare issuer, subject and audience below with the federated credential, letter by letter",
);
pub static CUT_BODY: Hint =
    plain("cut-bodies", "the store kept breaking the transfer: try again later, or read a range");
pub static WRONG_BYTES: Hint =
    plain("wrong-bytes", "the bytes are not those the store promised: nothing of them may be used");
pub static CHANGED: Hint = plain("changed", "the object was replaced while it was read: read it again");

/// Microsoft Entra ID's codes, `AADSTS<number>`.
static ENTRA: &[(u32, Hint)] = &[
    (
        700211,
        spreading("aadsts700211", "issuer", "set the federated credential's issuer to the one presented"),
    ),
    (
        700212,
        spreading("aadsts700212", "audience", "set the federated credential's audience to the one presented"),
    ),
    (
        7002121,
        spreading(
            "aadsts7002121",
            "audience",
            "set the federated credential's audience to the one presented",
        ),
    ),
    (
        700213,
        spreading("aadsts700213", "subject", "set the federated credential's subject to the one presented"),
    ),
    (
        7002138,
        spreading(
            "aadsts7002138",
            "letter case",
            "letters match, their case does not: copy the value exactly",
        ),
    ),
    (
        7002131,
        spreading(
            "aadsts7002131",
            "flexible expression",
            "AWS issuers cannot use flexible expressions: state the role ARN",
        ),
    ),
    (
        70021,
        spreading(
            "aadsts70021",
            "issuer, subject or audience",
            "compare all three letter by letter, or wait some minutes after a change",
        ),
    ),
    (70025, spreading("aadsts70025", "federated credential", "add a federated credential to this identity")),
    (
        700024,
        Hint {
            anchor: "aadsts700024",
            field: Some("clock"),
            advice: "the assertion was used outside its time: check the clocks, and that no old token is replayed",
            remedy: Remedy::MintAgain,
        },
    ),
    (5002738, hint("aadsts5002738", "algorithm", "mint with RS256: Entra takes no other")),
    (5002727, hint("aadsts5002727", "typ", "the assertion must be a plain JWT (`typ` JWT)")),
    (
        7000272,
        spreading(
            "aadsts7000272",
            "JWKS",
            "Entra has not seen the issuer's signing key yet: a new issuer can take 30 minutes",
        ),
    ),
    (
        501661,
        hint(
            "aadsts501661",
            "issuer",
            "Entra cannot reach the issuer's discovery document: check the issuer's URL",
        ),
    ),
    (
        90061,
        hint(
            "aadsts90061",
            "issuer",
            "Entra cannot reach the issuer's discovery document: check the issuer's URL",
        ),
    ),
    (
        700222,
        hint("aadsts700222", "issuer", "tokens issued by Entra itself may not be used as assertions here"),
    ),
    (
        700223,
        hint(
            "aadsts700223",
            "tenant policy",
            "workload identity federation is switched off or limited in this tenant",
        ),
    ),
    (
        700238,
        hint(
            "aadsts700238",
            "tenant policy",
            "workload identity federation is switched off or limited in this tenant",
        ),
    ),
    (
        700016,
        hint("aadsts700016", "client id", "check AZURE_CLIENT_ID, and that it is an identity of this tenant"),
    ),
    (90002, hint("aadsts90002", "tenant id", "check AZURE_TENANT_ID and AZURE_AUTHORITY_HOST (which cloud)")),
    (
        7000215,
        hint(
            "aadsts7000215",
            "client secret",
            "give the secret's value, not its id, of a secret of this app registration",
        ),
    ),
    (
        7000222,
        hint(
            "aadsts7000222",
            "client secret",
            "the client secret has expired: make a new one, and replace it here",
        ),
    ),
    (
        700027,
        hint(
            "aadsts700027",
            "client certificate",
            "upload this certificate to the app registration; its key must be the one that signs",
        ),
    ),
    (500011, hint("aadsts500011", "scope", "the resource is unknown in this tenant: check the scope's host")),
    (1002012, hint("aadsts1002012", "scope", "the scope must end in /.default")),
    (
        53003,
        hint(
            "aadsts53003",
            "tenant policy",
            "Conditional Access blocks this workload identity: ask the tenant's administrator",
        ),
    ),
];

const SESSION_OVER: Hint =
    hint("expiredtoken", "AWS session", "the AWS session has ended: renew the credentials");

const WRONG_SIGNATURE: Hint =
    hint("signaturedoesnotmatch", "signature or clock", "check the secret key, and this machine's clock");

/// AWS's codes on the way to a proof.
static AWS: &[(&str, Hint)] = &[
    (
        "OutboundWebIdentityFederationDisabledException",
        hint(
            "outboundwebidentityfederationdisabled",
            "outbound federation",
            "switch it on once per account: aws iam enable-outbound-web-identity-federation",
        ),
    ),
    (
        "SessionDurationEscalationException",
        hint("sessiondurationescalation", "duration", "ask for less than what is left of the AWS session"),
    ),
    ("JWTPayloadSizeExceededException", hint("jwtpayloadsizeexceeded", "tags", "send fewer or shorter tags")),
    ("Throttling", THROTTLING),
    (
        "AccessDenied",
        hint(
            "sts-accessdenied",
            "sts:GetWebIdentityToken",
            "allow it in the role's policy, with this audience, duration and algorithm in the conditions",
        ),
    ),
    ("ExpiredToken", SESSION_OVER),
    ("ExpiredTokenException", SESSION_OVER),
    (
        "InvalidClientTokenId",
        hint(
            "invalidclienttokenid",
            "access key",
            "the access key is unknown: check which credentials this process has",
        ),
    ),
    ("SignatureDoesNotMatch", WRONG_SIGNATURE),
    ("RequestTimeTooSkewed", CLOCK_OFF),
    ("RequestExpired", CLOCK_OFF),
    ("InvalidSignatureException", WRONG_SIGNATURE),
    (
        "ValidationError",
        hint("sts-validationerror", "audience, duration or tags", "keep within GetWebIdentityToken's limits"),
    ),
];

const TOKEN_NOT_TAKEN: Hint = hint(
    "invalidauthenticationinfo",
    "access token",
    "the store does not accept the token: check the scope, the tenant and the clock",
);

/// Azure Blob's codes, `x-ms-error-code`.
static AZURE_BLOB: &[(&str, Hint)] = &[
    (
        "AuthorizationPermissionMismatch",
        hint(
            "authorizationpermissionmismatch",
            "role assignment",
            "assign Storage Blob Data Reader on the container to this identity, then wait up to 10 minutes",
        ),
    ),
    (
        "AuthorizationFailure",
        hint(
            "authorizationfailure",
            "network rules",
            "let this network through the storage account's firewall, or use a private endpoint",
        ),
    ),
    ("InvalidAuthenticationInfo", TOKEN_NOT_TAKEN),
    ("NoAuthenticationInformation", TOKEN_NOT_TAKEN),
    (
        "BlobNotFound",
        hint("blobnotfound", "key", "check the object's name, letter case included, and the place's prefix"),
    ),
    ("ContainerNotFound", hint("containernotfound", "container", "check the container in the place's URL")),
    ("ConditionNotMet", hint("conditionnotmet", "ETag", "the object has another version now: read it again")),
    ("InvalidRange", hint("invalidrange", "range", "ask for a range inside the object's size")),
    ("ServerBusy", plain("serverbusy", "the store is throttling: try again later, or slow down")),
    ("PublicAccessNotPermitted", TOKEN_NOT_TAKEN),
];

/// The row of an Entra code.
pub fn entra(code: u32) -> Option<&'static Hint> {
    ENTRA.iter().find(|(known, _)| *known == code).map(|(_, hint)| hint)
}

/// The row of an AWS code.
pub fn aws(code: &str) -> Option<&'static Hint> {
    named(AWS, code)
}

/// The row of an Azure Blob code.
pub fn azure_blob(code: &str) -> Option<&'static Hint> {
    named(AZURE_BLOB, code)
}

fn named(table: &'static [(&str, Hint)], code: &str) -> Option<&'static Hint> {
    table.iter().find(|(known, _)| *known == code).map(|(_, hint)| hint)
}

/// Every row there is, for the page's own test.
pub fn all() -> impl Iterator<Item = &'static Hint> {
    let alone = [
        &CONFIGURATION,
        &PLAIN_HTTP,
        &SENSITIVE_BODIES,
        &UNREACHABLE,
        &THROTTLED,
        &DEADLINE,
        &NOT_A_TOKEN_SERVICE,
        &REDIRECTED,
        &CLOCK,
        &NO_CREDENTIALS,
        &SESSION_ENDING,
        &UNKNOWN_REFUSAL,
        &CUT_BODY,
        &WRONG_BYTES,
        &CHANGED,
    ];
    alone
        .into_iter()
        .chain(ENTRA.iter().map(|(_, hint)| hint))
        .chain(AWS.iter().map(|(_, hint)| hint))
        .chain(AZURE_BLOB.iter().map(|(_, hint)| hint))
        .chain(s3::all())
        .chain(secrets::all())
        .chain(events::all())
        .chain(google::all())
        .chain(aws_role::all())
        .chain(mints::all())
}
