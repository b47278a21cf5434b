"""The AWS CLI's and every SDK's way in from another cloud: a profile whose credential_process is
`carnet aws-credentials`. boto3 gets a profile's name and nothing else; the shell is a workload's."""

import json
import os
import subprocess
from datetime import datetime, timedelta, timezone

import boto3
import pytest
from botocore.exceptions import ClientError, CredentialRetrievalError
from conftest import aws_client

KEY = "from-elsewhere.txt"

# Who comes, the role that `carnet local` has for it, and how the session's name begins.
WORKLOADS = [
    ("azure-vm", "carnet-local-azure", "azure-"),
    ("app-service", "carnet-local-azure", "azure-"),
    ("azure-app", "carnet-local-azure", "azure-"),
    ("google-vm", "carnet-local-google-vm", "google-"),
    ("github", "carnet-local-github", "github-"),
    ("aks", "carnet-local-aks", "kubernetes-"),
    ("gke", "carnet-local-gke", "kubernetes-"),
]


@pytest.fixture
def profile(state, monkeypatch, tmp_path):
    """A session of boto3 in the shell of a workload, by a profile that has a process and a region."""
    program = os.environ["CARNET_BIN_CARNET"]

    def session(workload, *options):
        shell = [program, "local", "--env", "--workload", workload, "--format", "json"]
        shell += ["--state-file", os.environ["CARNET_STATE"]]
        exports = json.loads(subprocess.run(shell, check=True, capture_output=True).stdout)
        for variable in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(variable)
        for variable, value in exports.items():
            monkeypatch.setenv(variable, value)
        command = " ".join([program, "aws-credentials", *options])
        config = tmp_path / "config"
        config.write_text(f"[profile elsewhere]\nregion = {state.aws.region}\ncredential_process = {command}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        return boto3.Session(profile_name="elsewhere")

    return session


@pytest.fixture(scope="module")
def bucket(state):
    bucket = state.aws.s3.buckets[0]
    operator = aws_client(state, "s3", endpoint_url=state.aws.s3.endpoint)
    operator.put_object(Bucket=bucket, Key=KEY, Body=b"as it was put")
    yield bucket
    operator.delete_object(Bucket=bucket, Key=KEY)


@pytest.mark.parametrize("workload, role, session_begins", WORKLOADS)
def test_a_profile_is_enough(profile, bucket, workload, role, session_begins):
    session = profile(workload)
    assert session.get_credentials().method == "custom-process"
    who = session.client("sts").get_caller_identity()["Arn"]
    assert who.startswith(f"arn:aws:sts::123456789012:assumed-role/{role}/{session_begins}")
    assert session.client("s3").get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"as it was put"


def test_the_credentials_end_in_a_quarter_of_an_hour_and_are_asked_for_again(profile):
    credentials = profile("github").get_credentials()
    ends = credentials._expiry_time
    assert timedelta(0) < ends - datetime.now(timezone.utc) <= timedelta(seconds=900)
    first = credentials.get_frozen_credentials()
    # botocore asks the process again some minutes before the end.
    credentials._expiry_time = datetime.now(timezone.utc)
    assert credentials.get_frozen_credentials().access_key != first.access_key


def test_a_session_policy_of_the_profile_narrows_it(profile, bucket, tmp_path):
    policy = tmp_path / "policy.json"
    statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
    policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    s3 = profile("google-vm", "--session-policy", str(policy)).client("s3")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] >= 1
    with pytest.raises(ClientError) as refusal:
        s3.get_object(Bucket=bucket, Key=KEY)
    assert refusal.value.response["Error"]["Code"] == "AccessDenied"


def test_why_a_role_was_not_given_reaches_the_caller(profile):
    elsewhere = "arn:aws:iam::123456789012:role/carnet-local-google-vm"
    session = profile("github", "--role-arn", elsewhere)
    with pytest.raises(CredentialRetrievalError, match="Not authorized to perform sts:AssumeRoleWithWebIdentity"):
        session.client("sts").get_caller_identity()
