"""azure-keyvault-secrets and google-cloud-secret-manager against the stand-ins for Key Vault and Secret Manager."""

from urllib.parse import urlsplit

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.transport import RequestsTransport
from azure.keyvault.secrets import SecretClient
from conftest import acting_as, credential, outbound, trusting
from google.api_core import exceptions
from google.cloud import secretmanager
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceRestTransport,
)
from requests.adapters import HTTPAdapter

CLOUD_PLATFORM = ["https://www.googleapis.com/auth/cloud-platform"]


class ToStandIn(HTTPAdapter):
    """A vault's own host is played on loopback: the client names it, and its challenge must fit it."""

    def __init__(self, base):
        self.base = base
        super().__init__()

    def send(self, request, **options):
        asked = urlsplit(request.url)
        request.headers["Host"] = asked.netloc
        request.url = self.base + request.url.removeprefix(f"https://{asked.netloc}")
        return super().send(request, **options)


@pytest.fixture
def vault(state, mint):
    session = trusting(state, requests.Session())
    session.mount("https://carnet-test.vault.azure.net", ToStandIn(state.azure.key_vault))
    return SecretClient(
        "https://carnet-test.vault.azure.net",
        credential(state, mint),
        transport=RequestsTransport(
            session=session, session_owner=False, connection_verify=state.ca_file
        ),
        retry_total=0,
    )


def test_a_vaults_secret_is_read_after_its_challenge(vault):
    secret = vault.get_secret("db-password")
    assert secret.value == "of-the-python-world"
    assert secret.properties.enabled and len(secret.properties.version) == 32
    again = vault.get_secret("db-password", secret.properties.version)
    assert again.value == secret.value


def test_a_vaults_versions_are_listed_without_values(vault):
    (only,) = vault.list_properties_of_secret_versions("db-password")
    assert only.name == "db-password" and only.vault_url == "https://carnet-test.vault.azure.net"


def test_what_a_vault_does_not_have_and_does_not_allow(vault):
    with pytest.raises(ResourceNotFoundError, match="SecretNotFound"):
        vault.get_secret("db-password", "0" * 32)
    with pytest.raises(HttpResponseError, match="ForbiddenByRbac") as denied:
        vault.get_secret("another")
    assert denied.value.status_code == 403


@pytest.fixture
def secrets(state, mint):
    account = acting_as(state, state.google.service_account)
    credentials = outbound(state, mint, scopes=CLOUD_PLATFORM, **account)
    host = state.google.secret_manager.removeprefix("https://")
    transport = SecretManagerServiceRestTransport(host=host, credentials=credentials)
    trusting(state, transport._session)
    # What the session fetches its own tokens with.
    trusting(state, transport._session._auth_request.session)
    return secretmanager.SecretManagerServiceClient(transport=transport)


def name(version, secret="api-key"):
    return f"projects/carnet-test/secrets/{secret}/versions/{version}"


def test_a_projects_secret_is_read_with_its_checksum(secrets):
    version = secrets.get_secret_version(name=name("latest"))
    assert version.name == name(1) and version.state == secretmanager.SecretVersion.State.ENABLED
    answer = secrets.access_secret_version(name=name("latest"))
    assert answer.payload.data == b"of-the-python-world-too"
    assert answer.payload.data_crc32c > 0 and answer.name == name(1)


def test_what_a_project_does_not_have_and_does_not_allow(secrets):
    with pytest.raises(exceptions.NotFound, match="not found"):
        secrets.access_secret_version(name=name(4711))
    with pytest.raises(exceptions.Forbidden, match="secretmanager.versions.access"):
        secrets.access_secret_version(name=name("latest", "another"))
