//! What is wrong before a proof is there, where it does not come from AWS STS.

use super::{Hint, hint, plain};

pub static TOKEN_FILE: Hint = hint(
    "token-file",
    "token file",
    "name a file with one JWT in it, which this process may read and whose writer keeps it fresh",
);
pub static TOKEN_FILE_EXPIRED: Hint = hint(
    "token-file-expired",
    "token file",
    "let whoever writes the file renew the token: see the pod's projected volume, and the clocks",
);
pub static PROOF_AUDIENCE: Hint = hint(
    "token-audience",
    "audience",
    "have the token made for the audience asked for, or set the one presented: CARNET_AZURE_AUDIENCE, \
     CARNET_GOOGLE_TOKEN_AUDIENCE or CARNET_AWS_AUDIENCE",
);
pub static GITHUB_PERMISSION: Hint = hint(
    "github-id-token-permission",
    "permissions",
    "give the job `permissions: id-token: write`; its request token lasts only as long as the job",
);
pub static METADATA_SILENT: Hint = plain(
    "metadata-silent",
    "is this the cloud's own machine? Let its link-local address be reached, without a proxy, or set another CARNET_MINT",
);
pub static AZURE_IDENTITY_MISSING: Hint = hint(
    "azure-identity-not-found",
    "managed identity",
    "assign the managed identity to this machine or app, or name another one's client id",
);
pub static GOOGLE_NO_ACCOUNT: Hint = hint(
    "google-no-service-account",
    "service account",
    "attach a service account to this machine, or correct CARNET_GOOGLE_METADATA_ACCOUNT",
);
pub static NOT_GOOGLE_METADATA: Hint = hint(
    "not-google-metadata",
    "GCE_METADATA_HOST",
    "something else answered: correct GCE_METADATA_HOST, or set another CARNET_MINT",
);
pub static COGNITO_NOT_FOUND: Hint = hint(
    "cognito-not-found",
    "identity pool or identity",
    "check the ids of the identity pool and the identity, and the region in both",
);
pub static COGNITO_NOT_AUTHORIZED: Hint = hint(
    "cognito-not-authorized",
    "identity pool",
    "allow guest access or the developer provider in the pool, and cognito-identity:GetOpenIdTokenForDeveloperIdentity to the caller",
);
pub static COGNITO_REFUSED: Hint =
    plain("cognito-other-refusals", "compare what was asked for with the identity pool's settings");
pub static CLIENT_CERTIFICATE: Hint = hint(
    "client-certificate",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "name a PEM file with the app's certificate and its RSA key, not encrypted",
);
pub static APP_REFUSED: Hint = plain(
    "app-other-refusals",
    "compare tenant, client id and App ID URI with the app registration, and its secret or certificate",
);

pub(super) fn all() -> impl Iterator<Item = &'static Hint> {
    [
        &TOKEN_FILE,
        &TOKEN_FILE_EXPIRED,
        &PROOF_AUDIENCE,
        &GITHUB_PERMISSION,
        &METADATA_SILENT,
        &AZURE_IDENTITY_MISSING,
        &GOOGLE_NO_ACCOUNT,
        &NOT_GOOGLE_METADATA,
        &COGNITO_NOT_FOUND,
        &COGNITO_NOT_AUTHORIZED,
        &COGNITO_REFUSED,
        &CLIENT_CERTIFICATE,
        &APP_REFUSED,
    ]
    .into_iter()
}
