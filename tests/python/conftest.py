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
from azure.identity import ClientAssertionCredential
from azure.storage.blob import BlobServiceClient
from botocore.config import Config

AUDIENCE = "api://AzureADTokenExchange"


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
