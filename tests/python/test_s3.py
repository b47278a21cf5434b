"""boto3 against the stand-in for S3: its own checksums, its own multipart uploads."""

import base64
import io
import os
import uuid
import zlib

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from conftest import aws_client

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def bucket(state):
    return state.aws.s3.buckets[0]


@pytest.fixture(scope="module")
def s3(state):
    return aws_client(state, "s3", endpoint_url=state.aws.s3.endpoint)


@pytest.fixture
def key():
    return f"boto3/{uuid.uuid4()}"


def refused(call, **parameters):
    with pytest.raises(ClientError) as refusal:
        call(**parameters)
    response = refusal.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def crc32(body):
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def test_what_was_put_is_there(s3, bucket, key):
    body = os.urandom(300_000)
    put = s3.put_object(
        Bucket=bucket, Key=key, Body=body, ContentType="text/x-carnet", Metadata={"owner": "carnet"}, Tagging="a=b&c=d"
    )
    assert put["ChecksumCRC32"] == crc32(body), "boto3's own choice of a checksum"
    got = s3.get_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    assert got["Body"].read() == body
    assert (got["ContentType"], got["Metadata"], got["TagCount"]) == ("text/x-carnet", {"owner": "carnet"}, 2)
    assert got["ChecksumCRC32"] == put["ChecksumCRC32"]
    part = s3.get_object(Bucket=bucket, Key=key, Range="bytes=10-19")
    assert (part["Body"].read(), part["ContentRange"]) == (body[10:20], "bytes 10-19/300000")
    s3.delete_object(Bucket=bucket, Key=key)
    assert refused(s3.get_object, Bucket=bucket, Key=key) == (404, "NoSuchKey")


def test_a_body_of_unknown_bytes_has_its_checksum_behind_it(s3, bucket, key):
    """Over TLS boto3 sends a file in chunks, with the checksum as a trailer."""
    body = os.urandom(2 * MIB)
    s3.put_object(Bucket=bucket, Key=key, Body=io.BytesIO(body), ChecksumAlgorithm="SHA256")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"])
def test_every_algorithm_is_verified(s3, bucket, key, algorithm):
    wrong = base64.b64encode(bytes({"CRC32": 4, "CRC32C": 4, "SHA1": 20, "SHA256": 32, "CRC64NVME": 8}[algorithm]))
    stated = {f"Checksum{algorithm}": wrong.decode()}
    assert refused(s3.put_object, Bucket=bucket, Key=key, Body=b"body", **stated) == (400, "BadDigest")
    assert refused(s3.get_object, Bucket=bucket, Key=key) == (404, "NoSuchKey")


def test_conditions(s3, bucket, key):
    first = s3.put_object(Bucket=bucket, Key=key, Body=b"first", IfNoneMatch="*")["ETag"]
    twice = {"Bucket": bucket, "Key": key, "Body": b"second"}
    assert refused(s3.put_object, IfNoneMatch="*", **twice) == (412, "PreconditionFailed")
    second = s3.put_object(IfMatch=first, **twice)["ETag"]
    assert refused(s3.delete_object, Bucket=bucket, Key=key, IfMatch=first) == (412, "PreconditionFailed")
    s3.delete_object(Bucket=bucket, Key=key, IfMatch=second)


@pytest.mark.parametrize("extra", [{}, {"ChecksumAlgorithm": "SHA1"}, {"ChecksumAlgorithm": "SHA256"}])
def test_the_transfer_manager_uploads_in_parts(s3, bucket, key, extra):
    body = os.urandom(12 * MIB + 1)
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_fileobj(io.BytesIO(body), bucket, key, Config=config, ExtraArgs=extra)
    head = s3.head_object(Bucket=bucket, Key=key)
    assert (head["ContentLength"], head["ETag"][-3:]) == (len(body), '-3"')
    down = io.BytesIO()
    s3.download_fileobj(bucket, key, down, Config=config)
    assert down.getvalue() == body
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket, Prefix=key)


def test_pages_of_a_listing(s3, bucket):
    names = [f"boto3-list/{name}" for name in ["a b", "a+b", "a/b", "ü"]]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"x")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix="boto3-list/", PaginationConfig={"PageSize": 1}
    )
    assert [entry["Key"] for page in pages for entry in page["Contents"]] == names


def test_a_stranger_is_refused(state, bucket):
    for changed, refusal in [
        ({"aws_secret_access_key": "another"}, (403, "SignatureDoesNotMatch")),
        ({"aws_access_key_id": "AKIAUNKNOWN"}, (403, "InvalidAccessKeyId")),
        ({"aws_session_token": "none of its own"}, (400, "InvalidToken")),
        ({"region_name": "us-east-1"}, (400, "AuthorizationHeaderMalformed")),
    ]:
        settings = {"endpoint_url": state.aws.s3.endpoint, "config": Config(retries={"total_max_attempts": 1})}
        stranger = aws_client(state, "s3", **{**settings, **changed})
        assert refused(stranger.list_objects_v2, Bucket=bucket) == refusal
