"""azure-identity, google-auth and boto3 as workloads of each cloud have them: what the stand-ins' metadata
services, token endpoints and identity pools give them, and what that buys elsewhere."""

import os
import subprocess
import sys

import boto3
import jwt
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    CredentialUnavailableError,
    ManagedIdentityCredential,
)
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from conftest import AUDIENCE, JWT, READ_ONLY, trusting
from google.auth import identity_pool
from google.auth.exceptions import OAuthError
from google.auth.transport.requests import AuthorizedSession

STORAGE = "https://storage.azure.com/.default"
ARCHIVE = "carnet-test-archive"


def claims(token):
    return jwt.decode(token, options={"verify_signature": False})


@pytest.fixture
def found(state):
    return state.workloads


@pytest.fixture
def azure(monkeypatch):
    """No variable of one platform may be left for the next."""
    for name in ["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_POD_IDENTITY_AUTHORITY_HOST"]:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


@pytest.fixture
def on_vm(found, azure):
    azure("AZURE_POD_IDENTITY_AUTHORITY_HOST", found.azure_vm.imds)
    return lambda **options: ManagedIdentityCredential(retry_total=0, **options)


@pytest.fixture
def on_app_service(found, azure):
    azure("IDENTITY_ENDPOINT", found.app_service.endpoint)
    azure("IDENTITY_HEADER", found.app_service.header)
    return lambda **options: ManagedIdentityCredential(retry_total=0, **options)


@pytest.mark.parametrize("platform", ["on_vm", "on_app_service"])
def test_a_managed_identity_gets_tokens(state, found, platform, request):
    credential = request.getfixturevalue(platform)(client_id=found.azure_vm.client_id)
    token = claims(credential.get_token(STORAGE).token)
    assert token["aud"] == "https://storage.azure.com"
    assert token["iss"] == f"https://sts.windows.net/{state.entra.tenant_id}/"
    assert token["appid"] == found.azure_vm.client_id
    assert token["xms_mirid"].endswith("/userAssignedIdentities/reader")
    for_aws = claims(credential.get_token(f"{found.app_id_uri}/.default").token)
    assert (for_aws["aud"], for_aws["sub"]) == (found.app_id_uri, token["oid"])


def test_the_only_identity_needs_no_name(found, on_vm):
    assert claims(on_vm().get_token(STORAGE).token)["appid"] == found.azure_vm.client_id


@pytest.mark.parametrize("platform", ["on_vm", "on_app_service"])
def test_an_identity_that_is_not_assigned_is_refused(platform, request):
    credential = request.getfixturevalue(platform)(client_id="00000000-0000-4000-8000-000000000000")
    with pytest.raises((CredentialUnavailableError, ClientAuthenticationError)) as refusal:
        credential.get_token(STORAGE)
    words = {"on_vm": "Identity not found", "on_app_service": "No User Assigned or Delegated"}
    assert words[platform] in str(refusal.value)


def test_a_resource_that_nobody_has_is_refused(on_vm):
    with pytest.raises((CredentialUnavailableError, ClientAuthenticationError), match="AADSTS500011"):
        on_vm().get_token("api://nobody/.default")


@pytest.fixture
def registered(state):
    """How an app registration is told where the stand-ins are."""
    return {
        "authority": state.entra.authority,
        "disable_instance_discovery": True,
        "connection_verify": state.ca_file,
        "retry_total": 0,
    }


@pytest.fixture
def by_secret(state, found, registered):
    def credential(secret=found.azure_app.client_secret):
        return ClientSecretCredential(state.entra.tenant_id, found.azure_app.client_id, secret, **registered)

    return credential


@pytest.fixture
def by_certificate(state, found, registered):
    app = found.azure_app
    return CertificateCredential(state.entra.tenant_id, app.client_id, app.certificate, **registered)


def test_a_secret_and_a_certificate_buy_a_token_for_the_app_id_uri(found, by_secret, by_certificate):
    for credential, proof in [(by_secret(), "1"), (by_certificate, "2")]:
        token = claims(credential.get_token(f"{found.app_id_uri}/.default").token)
        assert (token["aud"], token["appid"]) == (found.app_id_uri, found.azure_app.client_id)
        assert (token["appidacr"], token["ver"]) == (proof, "1.0")


def test_a_wrong_secret_is_refused(found, by_secret):
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215: Invalid client secret provided"):
        by_secret("guessed").get_token(f"{found.app_id_uri}/.default")


def test_an_app_id_uri_that_nobody_has_is_refused(by_secret):
    with pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
        by_secret().get_token("api://nobody/.default")


def at_google_vm(found, code, *arguments):
    """google-auth reads where the metadata server is when it is imported: so in a process of its own."""
    environment = {
        name: value for name, value in os.environ.items() if name != "GOOGLE_APPLICATION_CREDENTIALS"
    }
    environment |= {"GCE_METADATA_HOST": found.google_vm.host, "GCE_METADATA_IP": found.google_vm.host}
    program = f"import sys\nfrom google.auth.transport.requests import Request\n{code}"
    run = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


FETCH = "from google.oauth2 import id_token\nprint(id_token.fetch_id_token(Request(), sys.argv[1]))"
FULL = """
from google.auth import compute_engine
found = compute_engine.IDTokenCredentials(Request(), sys.argv[1], use_metadata_identity_endpoint=True)
found.refresh(Request())
print(found.token, found.service_account_email)
"""


def test_a_google_instance_gets_an_identity_token(found):
    token = claims(at_google_vm(found, FETCH, "sts.amazonaws.com"))
    assert (token["iss"], token["aud"]) == ("https://accounts.google.com", "sts.amazonaws.com")
    token, email = at_google_vm(found, FULL, "elsewhere").split()
    said = claims(token)
    assert email == found.google_vm.service_account
    assert said["sub"] == said["azp"] and said["sub"].isdigit()
    assert said["google"]["compute_engine"]["instance_id"]


def entra_as(state, found, registered, assertion):
    return ClientAssertionCredential(
        state.entra.tenant_id, found.entra_client_id, assertion, **registered
    ).get_token(STORAGE)


def test_a_google_instance_is_let_in_at_entra(state, found, registered):
    token = entra_as(state, found, registered, lambda: at_google_vm(found, FETCH, AUDIENCE))
    assert claims(token.token)["appid"] == found.entra_client_id


def external(state, workload, source, **options):
    return identity_pool.Credentials(
        audience=vars(state.google.providers)[f"{workload}-tokens"],
        subject_token_type=JWT,
        token_url=f"{state.google.sts}/v1/token",
        credential_source=source,
        scopes=READ_ONLY,
        **options,
    )


def at_github(state, found, audience=None):
    provider = vars(state.google.providers)["github-tokens"]
    return {
        "url": f"{found.github.url}&audience={audience or 'https:' + provider}",
        "headers": {"Authorization": f"bearer {found.github.token}"},
        "format": {"type": "json", "subject_token_field_name": "value"},
    }


def read(client):
    return client.bucket(ARCHIVE).blob("hello.txt").download_as_text()


def test_a_job_of_github_reads_at_google(state, found, storage_as):
    client = storage_as(external(state, "github", at_github(state, found)))
    assert read(client).startswith("Hello")


def test_a_jobs_token_for_somebody_else_is_refused(state, found, request_to):
    with pytest.raises(OAuthError, match="does not match the expected audience"):
        external(state, "github", at_github(state, found, "elsewhere")).refresh(request_to)


def test_a_job_of_github_is_let_in_at_entra(state, found, registered):
    session = trusting(state, requests.Session())

    def assertion():
        source = at_github(state, found, AUDIENCE)
        return session.get(source["url"], headers=source["headers"]).json()["value"]

    assert entra_as(state, found, registered, assertion).token


def test_an_azure_machine_reads_at_google(state, found, storage_as):
    """As Google's own configuration for Azure says it."""
    query = f"api-version=2018-02-01&resource={found.app_id_uri}"
    source = {
        "url": f"{found.azure_vm.imds}/metadata/identity/oauth2/token?{query}",
        "headers": {"Metadata": "true"},
        "format": {"type": "json", "subject_token_field_name": "access_token"},
    }
    assert read(storage_as(external(state, "azure", source))).startswith("Hello")


@pytest.mark.parametrize("cluster", ["eks", "aks", "gke"])
def test_a_pod_reads_at_google_by_its_token_file(state, found, storage_as, cluster):
    source = {"file": getattr(found.token_files, cluster).google}
    assert read(storage_as(external(state, cluster, source))).startswith("Hello")


@pytest.fixture
def pools(state, found):
    def client(**changed):
        settings = {
            "endpoint_url": found.cognito.endpoint,
            "region_name": state.aws.region,
            "aws_access_key_id": state.aws.access_key_id,
            "aws_secret_access_key": state.aws.secret_access_key,
            "verify": state.ca_file,
            "config": Config(retries={"total_max_attempts": 1}),
        }
        return boto3.client("cognito-identity", **{**settings, **changed})

    return client


def vouched(pools, found, **changed):
    pool = found.cognito
    asked = {
        "IdentityPoolId": pool.identity_pool_id,
        "Logins": {pool.developer_provider: pool.developer_user},
    }
    return pools().get_open_id_token_for_developer_identity(**{**asked, **changed})


def test_cognito_vouches_for_a_developers_login(state, found, registered, pools):
    answer = vouched(pools, found)
    assert answer["IdentityId"] == found.cognito.identity_id
    token = claims(answer["Token"])
    assert (token["aud"], token["sub"]) == (found.cognito.identity_pool_id, answer["IdentityId"])
    assert token["amr"][:2] == ["authenticated", found.cognito.developer_provider]
    assert entra_as(state, found, registered, lambda: vouched(pools, found)["Token"]).token


def test_cognito_gives_anybody_an_identity_that_says_so(found, pools):
    client = pools(config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}))
    identity = client.get_id(IdentityPoolId=found.cognito.identity_pool_id)["IdentityId"]
    token = claims(client.get_open_id_token(IdentityId=identity)["Token"])
    assert (token["sub"], token["amr"]) == (identity, ["unauthenticated"])


def test_cognito_refuses_by_name(found, pools):
    client = pools()
    nowhere = f"{found.cognito.identity_pool_id[:-12]}000000000000"
    for call, exception in [
        (lambda: client.get_id(IdentityPoolId=nowhere), client.exceptions.ResourceNotFoundException),
        (
            lambda: client.get_open_id_token(IdentityId=found.cognito.identity_id),
            client.exceptions.NotAuthorizedException,
        ),
        (
            lambda: vouched(pools, found, Logins={"another": "user"}),
            client.exceptions.InvalidParameterException,
        ),
    ]:
        with pytest.raises(ClientError) as refusal:
            call()
        assert refusal.value.response["Error"]["Code"] == exception.__name__


def test_a_wrong_key_vouches_for_nobody(found, pools):
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        vouched(lambda: pools(aws_secret_access_key="not-the-secret"), found)
