//! What AWS STS says of a proof that is to become a role. From "AssumeRoleWithWebIdentity" in its API
//! reference, and from "Troubleshoot OIDC" and what users report of the three sentences of
//! `InvalidIdentityToken`.

use super::{Hint, Remedy, THROTTLING, hint, plain, spreading};

/// One row, and what chooses it.
struct Said {
    code: &'static str,
    /// A part of the message. Empty: any.
    part: &'static str,
    hint: Hint,
}

const fn said(code: &'static str, part: &'static str, hint: Hint) -> Said {
    Said { code, part, hint }
}

static ROWS: &[Said] = &[
    said(
        "InvalidIdentityToken",
        "No OpenIDConnect provider found",
        spreading(
            "aws-no-oidc-provider",
            "issuer",
            "create an IAM OIDC provider with exactly this issuer in the role's account; for Entra with the trailing slash",
        ),
    ),
    said(
        "InvalidIdentityToken",
        "Incorrect token audience",
        spreading(
            "aws-token-audience",
            "audience",
            "add the audience presented to the IAM OIDC provider's client ids, or set CARNET_AWS_AUDIENCE",
        ),
    ),
    said(
        "InvalidIdentityToken",
        "retrieve verification key",
        hint(
            "aws-verification-key",
            "JWKS",
            "AWS could not read the issuer's keys: its discovery document and keys must be public and in time",
        ),
    ),
    said(
        "InvalidIdentityToken",
        "",
        plain(
            "aws-invalididentitytoken",
            "compare the token with what AWS takes: RS or ES 256 to 512, at most 20,000 characters",
        ),
    ),
    said(
        "ExpiredTokenException",
        "",
        Hint {
            anchor: "aws-expired-proof",
            field: Some("clock"),
            advice: "the proof was presented after its end: check the clocks, and that the token is not an old one",
            remedy: Remedy::MintAgain,
        },
    ),
    said(
        "IDPCommunicationError",
        "",
        plain(
            "aws-idpcommunicationerror",
            "AWS cannot reach the issuer: it was tried again; see whether its discovery document is public",
        ),
    ),
    said(
        "IDPRejectedClaim",
        "",
        plain(
            "aws-idprejectedclaim",
            "the issuer itself rejects the token: has its user or client been removed or disabled?",
        ),
    ),
    said(
        "AccessDenied",
        "",
        spreading(
            "aws-role-accessdenied",
            "role trust",
            "compare the role's trust with what was presented: Principal, then each condition, letter case included",
        ),
    ),
    said(
        "PackedPolicyTooLarge",
        "",
        hint(
            "aws-packedpolicytoolarge",
            "session policy",
            "make the session policy shorter, or the token's session tags fewer",
        ),
    ),
    said(
        "MalformedPolicyDocument",
        "",
        hint(
            "aws-malformedpolicydocument",
            "session policy",
            "correct the session policy: an IAM policy document without Principal",
        ),
    ),
    said(
        "RegionDisabledException",
        "",
        hint(
            "aws-regiondisabled",
            "region",
            "activate STS for this region in the role's account, or set another AWS_REGION",
        ),
    ),
    said(
        "ValidationError",
        "DurationSeconds",
        hint(
            "aws-session-duration",
            "duration",
            "lower CARNET_AWS_SESSION_SECONDS, or raise the role's maximum session duration",
        ),
    ),
    said(
        "ValidationError",
        "",
        plain(
            "aws-role-validationerror",
            "correct what the message names: the role's ARN, the session's name, policy or duration",
        ),
    ),
    said("Throttling", "", THROTTLING),
];

/// The row of a refusal of `AssumeRoleWithWebIdentity`.
pub fn aws_role(code: &str, message: &str) -> Option<&'static Hint> {
    ROWS.iter().find(|said| said.code == code && message.contains(said.part)).map(|said| &said.hint)
}

pub(super) fn all() -> impl Iterator<Item = &'static Hint> {
    ROWS.iter().map(|said| &said.hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_sentences_of_invalididentitytoken_find_their_rows() {
        let row = |message| aws_role("InvalidIdentityToken", message).map(|hint| hint.anchor);
        assert_eq!(
            row("No OpenIDConnect provider found in your account for https://i"),
            Some("aws-no-oidc-provider")
        );
        assert_eq!(row("Incorrect token audience"), Some("aws-token-audience"));
        assert_eq!(
            row(
                "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements"
            ),
            Some("aws-verification-key")
        );
        assert_eq!(row("something else"), Some("aws-invalididentitytoken"));
        let duration = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        assert_eq!(
            aws_role("ValidationError", duration).map(|hint| hint.anchor),
            Some("aws-session-duration")
        );
        assert_eq!(aws_role("Nothing", ""), None);
    }
}
