"""boto3's own web identity flow, as a pod of EKS has it: a token file, a role's ARN and an endpoint in its
environment, and nothing else. The token is another issuer's; the stand-in checks it by discovery."""

import os

import boto3
import pytest
from botocore.exceptions import ClientError
from conftest import aws_client

ROLE = "arn:aws:iam::123456789012:role/carnet-eu-central-1-{}"
KEY = "reports/2026/summer.csv"


@pytest.fixture(scope="module")
def bucket(state):
    bucket = state.aws.s3.buckets[0]
    operator = aws_client(state, "s3", endpoint_url=state.aws.s3.endpoint)
    for key in [KEY, "secret/plan.txt"]:
        operator.put_object(Bucket=bucket, Key=key, Body=b"as it was put")
    yield bucket
    for key in [KEY, "secret/plan.txt"]:
        operator.delete_object(Bucket=bucket, Key=key)


@pytest.fixture
def pod(state, monkeypatch):
    """A session of boto3 in an environment that has one way to credentials."""

    def session(role, token_file=None, name="pod-7"):
        for variable in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(variable)
        environment = {
            "AWS_WEB_IDENTITY_TOKEN_FILE": token_file or state.workloads.token_files.eks.aws,
            "AWS_ROLE_ARN": ROLE.format(role),
            "AWS_ROLE_SESSION_NAME": name,
            "AWS_ENDPOINT_URL_STS": state.aws.sts,
            "AWS_ENDPOINT_URL_S3": state.aws.s3.endpoint,
            "AWS_CA_BUNDLE": state.ca_file,
            "AWS_REGION": state.aws.region,
            "AWS_DEFAULT_REGION": state.aws.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        return boto3.Session()

    return session


def code(refusal):
    return refusal.value.response["Error"]["Code"]


def test_a_pod_is_a_session_of_the_role(pod):
    session = pod("pod")
    assert session.get_credentials().method == "assume-role-with-web-identity"
    caller = session.client("sts").get_caller_identity()
    assert caller["Arn"] == "arn:aws:sts::123456789012:assumed-role/carnet-eu-central-1-pod/pod-7"


def test_it_reads_its_prefix_and_nothing_else(pod, bucket):
    s3 = pod("pod").client("s3")
    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"as it was put"
    assert [it["Key"] for it in s3.list_objects_v2(Bucket=bucket, Prefix="reports/")["Contents"]] == [KEY]
    for call in [
        lambda: s3.get_object(Bucket=bucket, Key="secret/plan.txt"),
        lambda: s3.list_objects_v2(Bucket=bucket),
        lambda: s3.list_objects_v2(Bucket=bucket, Prefix="secret/"),
        lambda: s3.put_object(Bucket=bucket, Key=KEY, Body=b"changed"),
        lambda: s3.delete_object(Bucket=bucket, Key=KEY),
    ]:
        with pytest.raises(ClientError) as refusal:
            call()
        assert code(refusal) == "AccessDenied"


def test_a_role_for_somebody_else_is_refused(pod):
    with pytest.raises(ClientError, match="Not authorized to perform sts:AssumeRoleWithWebIdentity") as refusal:
        pod("somebody-else").client("sts").get_caller_identity()
    assert code(refusal) == "AccessDenied"


def test_another_clusters_token_is_refused(state, pod):
    # The account knows that issuer too; this role trusts another.
    with pytest.raises(ClientError, match="Not authorized to perform sts:AssumeRoleWithWebIdentity") as refusal:
        pod("pod", state.workloads.token_files.gke.aws).client("sts").get_caller_identity()
    assert code(refusal) == "AccessDenied"


def test_a_token_for_another_audience_is_refused(state, pod):
    with pytest.raises(ClientError, match="Incorrect token audience") as refusal:
        pod("pod", state.workloads.token_files.eks.azure).client("sts").get_caller_identity()
    assert code(refusal) == "InvalidIdentityToken"


def test_what_aws_issued_takes_no_role(pod, mint, tmp_path):
    file = tmp_path / "token"
    file.write_text(mint())
    with pytest.raises(ClientError) as refusal:
        pod("pod", str(file)).client("sts").get_caller_identity()
    assert code(refusal) == "InvalidIdentityToken"


def test_a_session_policy_narrows_what_the_role_may(state, pod, bucket):
    with open(state.workloads.token_files.eks.aws, encoding="utf-8") as file:
        token = file.read().strip()
    taken = pod("pod").client("sts").assume_role_with_web_identity(
        RoleArn=ROLE.format("pod"),
        RoleSessionName="narrow",
        WebIdentityToken=token,
        DurationSeconds=900,
        Policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}]}',
    )
    assert 0 < taken["PackedPolicySize"] <= 100
    assert taken["SubjectFromWebIdentityToken"] == "system:serviceaccount:default:carnet"
    s3 = aws_client(
        state,
        "s3",
        endpoint_url=state.aws.s3.endpoint,
        aws_access_key_id=taken["Credentials"]["AccessKeyId"],
        aws_secret_access_key=taken["Credentials"]["SecretAccessKey"],
        aws_session_token=taken["Credentials"]["SessionToken"],
    )
    assert s3.list_objects_v2(Bucket=bucket, Prefix="reports/")["KeyCount"] == 1
    with pytest.raises(ClientError) as refusal:
        s3.get_object(Bucket=bucket, Key=KEY)
    assert code(refusal) == "AccessDenied"
