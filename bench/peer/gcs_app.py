"""The same job in Python: a Lambda handler that answers GET /gcs/{place}/{key+} with an object.

Written as the libraries' own documentation shows it: clients are made once, outside the handler;
google-auth keeps the token. The settings are those of the function it is compared with.

The libraries do two more things by themselves, in threads of their own: google-cloud-storage asks
for the bucket's metadata, google-auth asks iamcredentials.googleapis.com where the token may be used.
"""

import base64
import os
from urllib.parse import unquote

import boto3
from google.auth import identity_pool
from google.cloud import storage

CA_FILE = os.environ.get("SSL_CERT_FILE")
if CA_FILE:
    # Where requests looks for it, and so both of Google's libraries.
    os.environ["REQUESTS_CA_BUNDLE"] = CA_FILE


def endpoint(service):
    default = f"https://{service.replace('_', '')}.googleapis.com"
    return os.environ.get(f"CARNET_GOOGLE_{service.upper()}_ENDPOINT", default).rstrip("/")


sts = boto3.client("sts", verify=CA_FILE)


class Outbound(identity_pool.SubjectTokenSupplier):
    def get_subject_token(self, context, request):
        answer = sts.get_web_identity_token(
            Audience=[context.audience], SigningAlgorithm="RS256", DurationSeconds=300
        )
        return answer["WebIdentityToken"]


def impersonation():
    email = os.environ.get("CARNET_GOOGLE_SERVICE_ACCOUNT")
    path = f"v1/projects/-/serviceAccounts/{email}:generateAccessToken"
    return {"service_account_impersonation_url": f"{endpoint('iam_credentials')}/{path}"} if email else {}


def first_place():
    """archive=gs://bucket/prefix -> bucket, prefix."""
    _, url = os.environ["CARNET_PLACES"].split(",")[0].strip().split("=gs://")
    bucket, *prefix = url.rstrip("/").split("/")
    return bucket, "".join(part + "/" for part in prefix)


BUCKET, PREFIX = first_place()
credentials = identity_pool.Credentials(
    audience=os.environ["CARNET_GOOGLE_AUDIENCE"],
    subject_token_type="urn:ietf:params:oauth:token-type:jwt",
    token_url=f"{endpoint('sts')}/v1/token",
    subject_token_supplier=Outbound(),
    scopes=["https://www.googleapis.com/auth/devstorage.read_only"],
    **impersonation(),
)
client = storage.Client(
    # Reading needs none; left out, it would be looked for.
    project=None,
    credentials=credentials,
    client_options={"api_endpoint": endpoint("storage")},
)
bucket = client.bucket(BUCKET)


def handler(event, _context):
    blob = bucket.blob(PREFIX + unquote(event["pathParameters"]["key"]))
    body = blob.download_as_bytes()
    return {
        "statusCode": 200,
        "headers": {
            "Content-Type": blob.content_type or "application/octet-stream",
            "Content-Length": str(len(body)),
            "ETag": blob.etag,
        },
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
