"""google-auth against the stand-ins for Google's token service and IAM credentials."""

import datetime
import json

import google.auth
import pytest
from conftest import AUDIENCE, JWT, READ_ONLY, acting_as, outbound
from google.api_core.exceptions import Forbidden
from google.auth import aws
from google.auth.exceptions import OAuthError, RefreshError

ARCHIVE, VAULT = "carnet-test-archive", "carnet-test-vault"
READER = "reader@carnet-test.iam.gserviceaccount.com"


class OperatorKey(aws.AwsSecurityCredentialsSupplier):
    def __init__(self, state, secret=None):
        self.region = state.aws.region
        self.key = aws.AwsSecurityCredentials(state.aws.access_key_id, secret or state.aws.secret_access_key)

    def get_aws_security_credentials(self, context, request):
        return self.key

    def get_aws_region(self, context, request):
        return self.region


def signed(state, provider="aws-roles", secret=None, **options):
    return aws.Credentials(
        audience=vars(state.google.providers)[provider],
        subject_token_type="urn:ietf:params:aws:token-type:aws4_request",
        token_url=f"{state.google.sts}/v1/token",
        aws_security_credentials_supplier=OperatorKey(state, secret),
        scopes=READ_ONLY,
        **options,
    )


@pytest.fixture
def from_file(state, mint, request_to, tmp_path, monkeypatch):
    """As a platform leaves it to a workload: a token in a file, and the file that names it."""

    def credentials(**options):
        token = tmp_path / "token"
        token.write_text(mint(state.google.audience))
        settings = {
            "type": "external_account",
            "audience": state.google.audience,
            "subject_token_type": JWT,
            "token_url": f"{state.google.sts}/v1/token",
            "credential_source": {"file": str(token)},
            **options,
        }
        file = tmp_path / "credentials.json"
        file.write_text(json.dumps(settings))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        # Given scopes, it would ask Google for the project's id.
        found, _project = google.auth.default(request=request_to)
        return found.with_scopes(READ_ONLY)

    return credentials


@pytest.fixture(params=["outbound token by supplier", "outbound token by file", "signed request by supplier"])
def way(request, state, mint, from_file):
    return {
        "outbound token by supplier": lambda **options: outbound(state, mint, **options),
        "outbound token by file": from_file,
        "signed request by supplier": lambda **options: signed(state, **options),
    }[request.param]


def read(client, bucket):
    names = [blob.name for blob in client.list_blobs(bucket)]
    assert "hello.txt" in names
    return client.bucket(bucket).blob("hello.txt").download_as_text()


def test_every_way_leads_to_the_objects(way, storage_as):
    assert read(storage_as(way()), ARCHIVE).startswith("Hello")


def test_every_way_leads_to_the_service_account(state, way, storage_as):
    assert state.google.service_account == READER
    client = storage_as(way(**acting_as(state, READER)))
    assert read(client, ARCHIVE).startswith("Hello")
    # Here only the service account is let in.
    assert read(client, VAULT).startswith("Hello")


def test_without_the_service_account_the_vault_stays_shut(way, storage_as):
    client = storage_as(way())
    with pytest.raises(Forbidden, match=r"storage\.objects\.list"):
        list(client.list_blobs(VAULT))
    with pytest.raises(Forbidden, match=r"storage\.objects\.get"):
        client.bucket(VAULT).blob("hello.txt").download_as_bytes()


def test_the_exchange_answers_by_its_older_name_too(state, mint, storage_as):
    older = outbound(state, mint, token_url=f"{state.google.sts}/v1beta/token")
    assert read(storage_as(older), ARCHIVE).startswith("Hello")


def test_the_service_accounts_token_lives_as_long_as_asked(state, mint, request_to):
    lifetime = {"service_account_impersonation_options": {"token_lifetime_seconds": 600}}
    credentials = outbound(state, mint, **acting_as(state, READER), **lifetime)
    credentials.refresh(request_to)
    left = credentials.expiry - datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    assert datetime.timedelta(0) < left <= datetime.timedelta(seconds=600)


def refused(request_to, credentials):
    with pytest.raises(OAuthError) as refusal:
        credentials.refresh(request_to)
    answer = json.loads(refusal.value.args[1])
    return answer["error"], answer["error_description"]


def test_a_forged_token_is_refused(state, mint, request_to):
    def forge(audience):
        header, payload, signature = mint(audience).split(".")
        return f"{header}.{payload}.{('A' if signature[0] != 'A' else 'B') + signature[1:]}"

    error, _ = refused(request_to, outbound(state, forge))
    assert error == "invalid_grant"


def test_a_token_for_someone_else_is_refused(state, mint, request_to):
    error, description = refused(request_to, outbound(state, lambda _: mint(AUDIENCE)))
    assert error == "invalid_grant"
    assert description.startswith(
        f"The audience in ID Token [{AUDIENCE}] does not match the expected audience"
    )


def test_a_provider_that_is_not_there_is_refused(state, mint, request_to):
    elsewhere = state.google.audience.replace("/aws-tokens", "/nowhere")
    supplied = outbound(state, lambda _: mint(state.google.audience), audience=elsewhere)
    error, description = refused(request_to, supplied)
    assert error == "invalid_target"
    assert description.startswith('The target service indicated by the "audience" parameters is invalid.')


def test_an_audience_that_is_no_providers_name_is_refused(state, mint, request_to):
    supplied = outbound(state, lambda _: mint(state.google.audience), audience="aws-tokens")
    error, description = refused(request_to, supplied)
    assert error == "invalid_request"
    assert description.startswith('Invalid value for "audience"')


def test_a_wrong_secret_is_refused(state, request_to):
    error, _ = refused(request_to, signed(state, secret="not-the-secret"))
    assert error == "invalid_grant"


def test_the_providers_condition_refuses(state, request_to):
    answer = refused(request_to, signed(state, "others-only"))
    assert answer == ("unauthorized_client", "The given credential is rejected by the attribute condition.")


@pytest.mark.parametrize("name", ["nobody", "stranger"])
def test_a_service_account_that_is_missing_or_not_granted_is_refused_alike(state, mint, request_to, name):
    email = f"{name}@carnet-test.iam.gserviceaccount.com"
    with pytest.raises(RefreshError) as refusal:
        outbound(state, mint, **acting_as(state, email)).refresh(request_to)
    error = json.loads(refusal.value.args[1])["error"]
    assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")
    assert error["message"] == (
        "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
    )
