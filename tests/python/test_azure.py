"""azure-identity and azure-storage-blob against the stand-ins for Entra and Azure Blob."""

import hashlib
from pathlib import Path

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from conftest import credential

HELLO = "hello.txt"
SUMMER = "reports/2026/summer figures für alle.csv"
WINTER = "reports/2026/winter.csv"


def content(name):
    return (Path(__file__).parent / "blobs" / name).read_bytes()


def test_an_aws_token_becomes_an_azure_token(state, mint):
    token = credential(state, mint).get_token("https://storage.azure.com/.default")
    assert token.token.count(".") == 2


def test_a_forged_assertion_is_refused(state, mint):
    header, payload, signature = mint().split(".")
    forged = f"{header}.{payload}.{('A' if signature[0] != 'A' else 'B') + signature[1:]}"
    with pytest.raises(ClientAuthenticationError, match="AADSTS"):
        credential(state, lambda: forged).get_token("https://storage.azure.com/.default")


def test_an_unknown_client_is_refused(state, mint):
    state.entra.client_id, known = "00000000-0000-4000-8000-000000000000", state.entra.client_id
    try:
        with pytest.raises(ClientAuthenticationError, match="AADSTS700016"):
            credential(state, mint).get_token("https://storage.azure.com/.default")
    finally:
        state.entra.client_id = known


def test_blobs_are_listed_in_pages(blobs):
    container = blobs().get_container_client("assets")
    assert [blob.name for blob in container.list_blobs()] == [HELLO, SUMMER, WINTER]
    pages = container.list_blobs(results_per_page=2).by_page()
    assert [[blob.name for blob in page] for page in pages] == [[HELLO, SUMMER], [WINTER]]


def test_blobs_are_listed_by_folder(blobs):
    container = blobs().get_container_client("assets")
    # The client hands out a page's folders before its blobs.
    assert [entry.name for entry in container.walk_blobs(delimiter="/")] == ["reports/", HELLO]
    below = container.walk_blobs(name_starts_with="reports/2026/", delimiter="/")
    assert [entry.name for entry in below] == [SUMMER, WINTER]


@pytest.mark.parametrize("name", [HELLO, SUMMER])
def test_a_blob_is_read_whole(blobs, name):
    blob = blobs().get_blob_client("assets", name)
    assert blob.download_blob().readall() == content(name)
    properties = blob.get_blob_properties()
    assert properties.size == len(content(name))
    assert bytes(properties.content_settings.content_md5) == hashlib.md5(content(name)).digest()


def test_a_blob_is_read_in_ranges(blobs):
    options = {"max_single_get_size": 5, "max_chunk_get_size": 4}
    blob = blobs(**options).get_blob_client("assets", HELLO)
    assert blob.download_blob().readall() == content(HELLO)
    assert blob.download_blob(offset=6, length=4).readall() == content(HELLO)[6:10]


def test_conditions_hold(blobs):
    blob = blobs().get_blob_client("assets", HELLO)
    etag = blob.get_blob_properties().etag
    current = blob.download_blob(etag=etag, match_condition=MatchConditions.IfNotModified)
    assert current.readall() == content(HELLO)
    with pytest.raises(HttpResponseError) as refusal:
        blob.download_blob(etag='"0x8D0000000000000"', match_condition=MatchConditions.IfNotModified)
    assert refusal.value.status_code == 412
    assert refusal.value.error_code == "ConditionNotMet"


def test_what_is_not_there_is_not_found(blobs):
    with pytest.raises(ResourceNotFoundError) as missing:
        blobs().get_blob_client("assets", "nothing.txt").download_blob()
    assert missing.value.error_code == "BlobNotFound"
    with pytest.raises(ResourceNotFoundError) as missing:
        list(blobs().get_container_client("nowhere").list_blobs())
    assert missing.value.error_code == "ContainerNotFound"
