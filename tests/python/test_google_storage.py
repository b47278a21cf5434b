"""google-cloud-storage against the stand-in for Cloud Storage."""

import base64
import gzip
import hashlib
from pathlib import Path

import google_crc32c
import pytest
import requests
from google.api_core.exceptions import (
    NotFound,
    NotModified,
    PreconditionFailed,
    RequestRangeNotSatisfiable,
    Unauthorized,
)
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage.exceptions import DataCorruption

COMPOSED = "composed.txt"
HELLO = "hello.txt"
PAGE = "page.html"
SUMMER = "reports/2026/summer figures für alle.csv"
WINTER = "reports/2026/winter.csv"


def content(name):
    return (Path(__file__).parent / "objects" / name).read_bytes()


def names(blobs):
    return [blob.name for blob in blobs]


def test_objects_are_listed_in_pages(bucket):
    assert names(bucket.list_blobs()) == [COMPOSED, HELLO, PAGE, SUMMER, WINTER]
    pages = bucket.list_blobs(page_size=2).pages
    assert [names(page) for page in pages] == [[COMPOSED, HELLO], [PAGE, SUMMER], [WINTER]]
    assert names(bucket.list_blobs(max_results=3)) == [COMPOSED, HELLO, PAGE]


def test_objects_are_listed_by_folder(bucket):
    top = bucket.list_blobs(delimiter="/")
    assert names(top) == [COMPOSED, HELLO, PAGE]
    assert top.prefixes == {"reports/"}
    below = bucket.list_blobs(prefix="reports/", delimiter="/")
    assert names(below) == []
    assert below.prefixes == {"reports/2026/"}
    assert names(bucket.list_blobs(prefix="reports/2026/s")) == [SUMMER]


def test_a_listing_is_split_by_offsets(bucket):
    assert names(bucket.list_blobs(end_offset=PAGE)) == [COMPOSED, HELLO]
    assert names(bucket.list_blobs(start_offset=PAGE, end_offset=WINTER)) == [PAGE, SUMMER]
    assert names(bucket.list_blobs(start_offset="reports/2026/t")) == [WINTER]


def test_what_is_listed_can_be_read(bucket):
    """By the link of the listing itself."""
    listed = {blob.name: blob.download_as_bytes(raw_download=True) for blob in bucket.list_blobs()}
    assert listed == {name: content(name) for name in (COMPOSED, HELLO, PAGE, SUMMER, WINTER)}


@pytest.mark.parametrize("name", [HELLO, SUMMER, PAGE])
def test_an_object_says_what_it_is(bucket, name):
    blob = bucket.get_blob(name)
    assert blob.size == len(content(name))
    assert blob.md5_hash == base64.b64encode(hashlib.md5(content(name)).digest()).decode()
    assert blob.crc32c == base64.b64encode(google_crc32c.Checksum(content(name)).digest()).decode()
    assert blob.generation > 0
    assert blob.metageneration == 1
    assert blob.updated is not None


def test_a_composed_object_has_no_md5(bucket):
    blob = bucket.get_blob(COMPOSED)
    assert blob.md5_hash is None
    assert blob.crc32c
    assert blob.download_as_bytes(checksum="crc32c") == content(COMPOSED)


@pytest.mark.parametrize("checksum", ["crc32c", "md5"])
@pytest.mark.parametrize("name", [HELLO, SUMMER])
def test_an_object_is_read_whole_and_checked(bucket, fault, name, checksum):
    blob = bucket.blob(name)
    assert blob.download_as_bytes(checksum=checksum) == content(name)
    # The client can only notice if it was told the checksum.
    fault("google.media=corrupt")
    with pytest.raises(DataCorruption):
        blob.download_as_bytes(checksum=checksum)


def test_an_object_is_read_in_ranges(bucket):
    blob = bucket.blob(HELLO)
    assert blob.download_as_bytes(start=6, end=9) == content(HELLO)[6:10]
    assert blob.download_as_bytes(start=6) == content(HELLO)[6:]
    assert blob.download_as_bytes(start=-4) == content(HELLO)[-4:]
    assert blob.download_as_bytes(start=6, end=999) == content(HELLO)[6:]
    with pytest.raises(RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=999)


def test_an_object_is_read_in_chunks(bucket):
    blob = bucket.blob(HELLO, chunk_size=256 * 1024)
    assert blob.download_as_bytes() == content(HELLO)


def test_conditions_hold(bucket):
    blob = bucket.get_blob(HELLO)
    current, other = blob.generation, blob.generation + 1
    assert blob.download_as_bytes(if_generation_match=current) == content(HELLO)
    with pytest.raises(PreconditionFailed):
        blob.download_as_bytes(if_generation_match=other)
    with pytest.raises(PreconditionFailed):
        blob.reload(if_generation_match=other)
    with pytest.raises(NotModified):
        blob.download_as_bytes(if_generation_not_match=current)


def test_a_generation_is_pinned(bucket):
    current = bucket.get_blob(HELLO).generation
    assert bucket.blob(HELLO, generation=current).download_as_bytes() == content(HELLO)
    with pytest.raises(NotFound):
        bucket.blob(HELLO, generation=current + 1).download_as_bytes()


def test_a_gzipped_object_is_read_as_stored_and_decoded(bucket):
    blob = bucket.get_blob(PAGE)
    assert (blob.content_type, blob.content_encoding, blob.cache_control) == ("text/html", "gzip", "no-cache")
    assert blob.metadata == {"written-by": "nobody"}
    assert blob.download_as_bytes(raw_download=True, checksum="md5") == content(PAGE)
    assert blob.download_as_bytes() == gzip.decompress(content(PAGE))


def test_what_is_not_there_is_not_found(bucket):
    with pytest.raises(NotFound, match="No such object: carnet-test-archive/nothing.txt"):
        bucket.blob("nothing.txt").download_as_bytes()
    assert bucket.get_blob("nothing.txt") is None
    nowhere = bucket.client.bucket("carnet-test-nowhere")
    with pytest.raises(NotFound, match="The specified bucket does not exist."):
        list(nowhere.list_blobs())
    with pytest.raises(NotFound):
        nowhere.blob(HELLO).download_as_bytes()


def test_nobody_is_let_in_without_a_token(storage_as):
    # google-auth's own session would try to refresh what cannot be.
    client = storage_as(AnonymousCredentials(), requests.Session())
    with pytest.raises(Unauthorized):
        list(client.list_blobs("carnet-test-archive"))
    with pytest.raises(Unauthorized):
        client.bucket("carnet-test-archive").blob(HELLO).download_as_bytes()
