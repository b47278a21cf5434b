"""What `carnet sync` keeps, read by what its users read it with: DuckDB, from the shards that root.json names."""

import json
import os
import subprocess
import zlib
from pathlib import Path

import duckdb
import pytest
from conftest import aws_client

SOURCE = "gs://carnet-test-archive"
PREFIX = "synced"
OBJECTS = Path(__file__).parent / "objects"


@pytest.fixture(scope="module")
def carnet():
    program = os.environ["CARNET_BIN_CARNET"]
    state_file = os.environ["CARNET_STATE"]
    local = [program, "local", "--env", "--format", "json", "--state-file", state_file]
    exports = json.loads(subprocess.run(local, check=True, capture_output=True).stdout)

    def run(*arguments):
        return subprocess.run([program, *arguments], env=exports, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture(scope="module")
def s3(state):
    return aws_client(state, "s3", endpoint_url=state.aws.s3.endpoint)


@pytest.fixture(scope="module")
def synced(state, carnet):
    bucket = state.aws.s3.buckets[0]
    run = carnet("sync", SOURCE, f"s3://{bucket}/{PREFIX}", "--format", "json")
    assert run.returncode == 0, run.stderr
    return bucket


@pytest.fixture(scope="module")
def receipts(s3, synced, tmp_path_factory):
    """The manifest as a table."""
    folder = f"{PREFIX}/.carnet-sync/"
    read = lambda path: s3.get_object(Bucket=synced, Key=folder + path)["Body"].read()
    shards = [shard["path"] for shard in json.loads(read("root.json"))["shards"]]
    files = []
    for number, path in enumerate(shards):
        file = tmp_path_factory.mktemp("manifest") / f"{number}.jsonl.gz"
        file.write_bytes(read(path))
        files.append(str(file))
    return duckdb.read_json(files, format="newline_delimited", compression="gzip")


def test_duckdb_reads_the_manifest_as_a_table(s3, synced, receipts):
    columns = set(receipts.columns)
    assert {"key", "source_version", "size", "crc32c", "etag", "proven", "origin", "written_at", "run"} <= columns
    rows = dict(duckdb.sql("select key, size from receipts").fetchall())
    listed = s3.list_objects_v2(Bucket=synced, Prefix=f"{PREFIX}/")["Contents"]
    there = {o["Key"][len(PREFIX) + 1 :]: o["Size"] for o in listed if "/.carnet-sync/" not in o["Key"]}
    assert rows == there and rows
    summary = duckdb.sql("select origin, proven, count(*) from receipts group by all").fetchall()
    assert summary == [("copied", "crc32c", len(rows))]


def test_the_receipts_are_of_the_objects_that_are_there(s3, synced, receipts):
    for key, size, etag, crc32c in duckdb.sql("select key, size, etag, crc32c from receipts").fetchall():
        there = s3.head_object(Bucket=synced, Key=f"{PREFIX}/{key}", ChecksumMode="ENABLED")
        assert (there["ContentLength"], there["ETag"], there["ChecksumCRC32C"]) == (size, etag, crc32c), key


def test_the_copies_have_the_bytes_of_the_source(s3, synced):
    for file in (path for path in OBJECTS.rglob("*") if path.is_file() and path.name != ".carnet-blob.json"):
        key = f"{PREFIX}/{file.relative_to(OBJECTS).as_posix()}"
        body = s3.get_object(Bucket=synced, Key=key)["Body"].read()
        assert zlib.crc32(body) == zlib.crc32(file.read_bytes()), key


def test_a_second_run_finds_nothing_to_do(carnet, synced):
    assert carnet("sync", SOURCE, f"s3://{synced}/{PREFIX}").returncode == 10
