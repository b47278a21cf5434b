"""boto3 and PyJWT against the stand-in for AWS STS, IAM and the account's issuer."""

import json
import urllib.request

import jwt
import pytest
from botocore.exceptions import ClientError
from conftest import AUDIENCE, aws_client


def code(refusal):
    return refusal.value.response["Error"]["Code"]


def verified(state, ca, token, algorithm):
    """As any relying party does it: discovery, keys, signature, claims."""
    with urllib.request.urlopen(f"{state.aws.issuer}/.well-known/openid-configuration", context=ca) as answer:
        discovery = json.load(answer)
    assert discovery["issuer"] == state.aws.issuer
    assert algorithm in discovery["id_token_signing_alg_values_supported"]
    key = jwt.PyJWKClient(discovery["jwks_uri"], ssl_context=ca).get_signing_key_from_jwt(token)
    return jwt.decode(token, key, algorithms=[algorithm], audience=AUDIENCE, issuer=state.aws.issuer)


def test_a_minted_token_verifies_through_discovery(state, ca, mint):
    claims = verified(state, ca, mint(), "RS256")
    assert claims["sub"].startswith("arn:aws:iam::123456789012:role/")
    assert claims["exp"] - claims["iat"] == 300
    assert claims["jti"]
    assert claims["https://sts.amazonaws.com/"]["aws_account"] == "123456789012"


def test_a_token_for_someone_else_does_not_verify(state, ca, mint):
    header, payload, signature = mint().split(".")
    broken = f"{header}.{payload}.{('A' if signature[0] != 'A' else 'B') + signature[1:]}"
    with pytest.raises(jwt.InvalidSignatureError):
        verified(state, ca, broken, "RS256")


def test_the_caller_is_a_session_of_the_role(sts):
    caller = sts.get_caller_identity()
    assert caller["Account"] == "123456789012"
    assert ":assumed-role/" in caller["Arn"]


@pytest.mark.parametrize(
    "asked",
    [
        {"audience": "https://someone.else"},
        {"seconds": 600},
        {"algorithm": "ES384"},
    ],
    ids=["audience", "duration", "algorithm"],
)
def test_the_role_may_mint_nothing_but_what_its_policy_says(mint, asked):
    with pytest.raises(ClientError) as refusal:
        mint(**asked)
    assert code(refusal) == "AccessDenied"


def test_a_wrong_secret_is_refused(state):
    stranger = aws_client(state, "sts", aws_secret_access_key="not-the-secret")
    with pytest.raises(ClientError) as refusal:
        stranger.get_web_identity_token(Audience=[AUDIENCE], SigningAlgorithm="RS256")
    assert code(refusal) == "SignatureDoesNotMatch"


def test_iam_names_the_accounts_issuer(state, iam):
    info = iam.get_outbound_web_identity_federation_info()
    assert info["IssuerIdentifier"] == state.aws.issuer


def test_switching_federation_on_twice_is_an_error(iam):
    with pytest.raises(ClientError) as refusal:
        iam.enable_outbound_web_identity_federation()
    assert code(refusal) == "FeatureEnabled"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
