"""The clouds' own clients, pointed at `carnet local` by the state file it wrote.

Nothing in the clients is changed: each gets an endpoint and a CA, as it would for any private
cloud. `cargo xtask test --only python` starts `carnet local` and names the state file.
"""

import json
import os
import ssl
from types import SimpleNamespace

import boto3
import pytest
import requests
from azure.identity import ClientAssertionCredential
from azure.storage.blob import BlobServiceClient
from botocore.config import Config
from google.auth import identity_pool
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import storage
from requests.adapters import BaseAdapter, HTTPAdapter

AUDIENCE = "api://AzureADTokenExchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
READ_ONLY = ["https://www.googleapis.com/auth/devstorage.read_only"]


@pytest.fixture(scope="session")
def state():
    path = os.environ.get("CARNET_STATE")
    if not path:
        pytest.fail("CARNET_STATE is not set: run `cargo xtask test --only python`")
    with open(path, encoding="utf-8") as file:
        return json.load(file, object_hook=lambda members: SimpleNamespace(**members))


@pytest.fixture(scope="session")
def ca(state):
    return ssl.create_default_context(cafile=state.ca_file)


def aws_client(state, service, **changed):
    settings = {
        "endpoint_url": getattr(state.aws, service),
        "region_name": state.aws.region,
        "aws_access_key_id": state.aws.access_key_id,
        "aws_secret_access_key": state.aws.secret_access_key,
        "verify": state.ca_file,
        "config": Config(retries={"total_max_attempts": 1}),
    }
    return boto3.client(service, **{**settings, **changed})


@pytest.fixture(scope="session")
def sts(state):
    return aws_client(state, "sts")


@pytest.fixture(scope="session")
def iam(state):
    return aws_client(state, "iam")


@pytest.fixture(scope="session")
def mint(sts):
    def mint(audience=AUDIENCE, algorithm="RS256", seconds=300):
        answer = sts.get_web_identity_token(
            Audience=[audience], SigningAlgorithm=algorithm, DurationSeconds=seconds
        )
        return answer["WebIdentityToken"]

    return mint


def credential(state, assertion):
    return ClientAssertionCredential(
        state.entra.tenant_id,
        state.entra.client_id,
        assertion,
        authority=state.entra.authority,
        disable_instance_discovery=True,
        connection_verify=state.ca_file,
        retry_total=0,
    )


@pytest.fixture(scope="session")
def blobs(state, mint):
    def service(**options):
        return BlobServiceClient(
            vars(state.azure.blob)["carnettest"],
            credential=credential(state, mint),
            connection_verify=state.ca_file,
            retry_total=0,
            **options,
        )

    return service


class Nowhere(BaseAdapter):
    """google-auth asks iamcredentials.googleapis.com, whatever endpoints it is given, where a token
    may be used. It does without an answer."""

    def send(self, request, **_options):
        raise requests.ConnectionError(f"{request.url} is none of the stand-ins")

    def close(self):
        pass


def trusting(state, session):
    session.verify = state.ca_file
    # A CA or a proxy of the environment would win over it.
    session.trust_env = False
    session.mount("https://", Nowhere())
    session.mount("https://127.0.0.1", HTTPAdapter())
    return session


class Outbound(identity_pool.SubjectTokenSupplier):
    """The proof is fetched by code: the account's outbound token."""

    def __init__(self, mint):
        self.mint = mint

    def get_subject_token(self, context, request):
        return self.mint(context.audience)


def outbound(state, mint, **changed):
    settings = {
        "audience": state.google.audience,
        "subject_token_type": JWT,
        "token_url": f"{state.google.sts}/v1/token",
        "subject_token_supplier": Outbound(mint),
        "scopes": READ_ONLY,
    }
    return identity_pool.Credentials(**{**settings, **changed})


def acting_as(state, email):
    """The options with which credentials go on to be a service account."""
    path = f"v1/projects/-/serviceAccounts/{email}:generateAccessToken"
    return {"service_account_impersonation_url": f"{state.google.iam_credentials}/{path}"}


@pytest.fixture(scope="session")
def request_to(state):
    """What google-auth makes its own calls with."""
    return Request(trusting(state, requests.Session()))


@pytest.fixture(scope="session")
def storage_as(state, request_to):
    def client(credentials, session=None):
        session = session or AuthorizedSession(credentials, auth_request=request_to)
        return storage.Client(
            project="carnet-test",
            credentials=credentials,
            client_options={"api_endpoint": state.google.storage},
            _http=trusting(state, session),
        )

    return client


@pytest.fixture(scope="session")
def bucket(state, mint, storage_as):
    return storage_as(outbound(state, mint)).bucket("carnet-test-archive")


@pytest.fixture
def fault(state):
    """Spoils requests: `HOP/PATH=FAULT`, until the test is over."""
    session = trusting(state, requests.Session())
    session.mount("http://127.0.0.1", HTTPAdapter())
    yield lambda rule: session.put(f"{state.control}/faults", data=rule).raise_for_status()
    session.delete(f"{state.control}/faults").raise_for_status()
