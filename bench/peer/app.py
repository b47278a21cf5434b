"""The same job in Python: a Lambda handler that answers GET /azure/{place}/{key+} with a blob.

Written as the three libraries' own documentation shows it: clients are made once, outside the
handler; azure-identity keeps the token. The settings are those of the function it is compared with.
"""

import base64
import os
from urllib.parse import unquote

import boto3
from azure.identity import ClientAssertionCredential
from azure.storage.blob import BlobServiceClient

CA_FILE = os.environ.get("SSL_CERT_FILE")
VERIFY = {"connection_verify": CA_FILE} if CA_FILE else {}

sts = boto3.client("sts", verify=CA_FILE)


def assertion():
    answer = sts.get_web_identity_token(
        Audience=[os.environ.get("CARNET_AZURE_AUDIENCE", "api://AzureADTokenExchange")],
        SigningAlgorithm="RS256",
        DurationSeconds=300,
    )
    return answer["WebIdentityToken"]


def first_place():
    """assets=azure://account/container/prefix -> account URL, container, prefix."""
    _, url = os.environ["CARNET_PLACES"].split(",")[0].strip().split("=azure://")
    account, container, *prefix = url.rstrip("/").split("/")
    endpoint = os.environ.get("CARNET_AZURE_BLOB_ENDPOINT", "https://{account}.blob.core.windows.net")
    return endpoint.replace("{account}", account), container, "".join(part + "/" for part in prefix)


ACCOUNT_URL, CONTAINER, PREFIX = first_place()
credential = ClientAssertionCredential(
    os.environ["AZURE_TENANT_ID"],
    os.environ["AZURE_CLIENT_ID"],
    assertion,
    authority=os.environ.get("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com"),
    disable_instance_discovery=True,
    **VERIFY,
)
container = BlobServiceClient(ACCOUNT_URL, credential=credential, **VERIFY).get_container_client(CONTAINER)


def handler(event, _context):
    key = unquote(event["pathParameters"]["key"])
    download = container.download_blob(PREFIX + key)
    body = download.readall()
    return {
        "statusCode": 200,
        "headers": {
            "Content-Type": download.properties.content_settings.content_type or "application/octet-stream",
            "Content-Length": str(len(body)),
            "ETag": download.properties.etag,
        },
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
