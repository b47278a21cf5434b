//! Who is let in, and how far.

use crate::service::{READER, Service, refused};
use crate::support::{self, Folder, client, token};
use http::header::WWW_AUTHENTICATE;
use reqwest::Method;

#[tokio::test]
async fn nothing_outside_the_folder_is_reachable() {
    let service = Service::new(false).await;
    let outside = Folder::new();
    outside.write("secret", "no");
    service.folder.write("dir/in", "yes");
    std::os::unix::fs::symlink(outside.join("secret"), service.folder.join("file-link")).unwrap();
    std::os::unix::fs::symlink(outside.path(), service.folder.join("dir-link")).unwrap();
    let absolute = outside.join("secret").display().to_string().replace('/', "%2F");
    for blob in
        ["file-link", "dir-link/secret", "dir-link", "dir", "dir/", "dir//in", "/dir/in", absolute.as_str()]
    {
        refused(service.get(&format!("docs/{blob}")).await, 404, "BlobNotFound").await;
    }
    let name = outside.path().file_name().unwrap().to_str().unwrap().to_owned();
    for blob in [
        format!("%2e%2e%2F{name}%2Fsecret"),
        format!("dir%2F..%2F..%2F{name}%2Fsecret"),
        "dir%2F.%2Fin".into(),
    ] {
        refused(service.get(&format!("docs/{blob}")).await, 400, "InvalidUri").await;
    }
    refused(service.get("docs/%ff").await, 400, "InvalidUri").await;
    assert_eq!(service.names("").await, ["dir/in"]);
}

#[tokio::test]
async fn who_has_no_valid_token_is_told_where_to_get_one() {
    let service = Service::new(false).await;
    service.folder.write("doc", "x");
    let url = service.url("docs/doc");
    let challenge = format!(
        "Bearer authorization_uri=https://127.0.0.1:1/{}/oauth2/authorize resource_id=https://storage.azure.com",
        support::TENANT
    );
    let bare = client().get(&url).header("x-ms-version", "2026-04-06").send().await.unwrap();
    assert_eq!(bare.headers()[WWW_AUTHENTICATE], challenge);
    refused(bare, 401, "NoAuthenticationInformation").await;

    let vault = token(&service.handle, READER, "https://vault.azure.net");
    let other =
        client().get(&url).header("x-ms-version", "2026-04-06").bearer_auth(vault).send().await.unwrap();
    assert_eq!(other.headers()[WWW_AUTHENTICATE], challenge);
    let body = refused(other, 401, "InvalidAuthenticationInfo").await;
    assert!(body.contains("Audience validation failed. Audience did not match."), "{body}");

    let good = token(&service.handle, READER, "https://storage.azure.com");
    let forged = format!("{}AAAA", &good[..good.len() - 4]);
    let forged =
        client().get(&url).header("x-ms-version", "2026-04-06").bearer_auth(forged).send().await.unwrap();
    refused(forged, 401, "InvalidAuthenticationInfo").await;

    let unversioned = client().get(&url).bearer_auth(&good).send().await.unwrap();
    let body = refused(unversioned, 403, "AuthenticationFailed").await;
    assert!(body.contains("Authentication scheme Bearer is not supported in this version."), "{body}");
    let odd = client().get(&url).bearer_auth(&good).header("x-ms-version", "latest").send().await.unwrap();
    refused(odd, 400, "InvalidHeaderValue").await;
    let own = token(&service.handle, READER, &format!("https://{}.blob.core.windows.net", service.account));
    let own = client().get(&url).bearer_auth(own).header("x-ms-version", "2026-04-06").send().await.unwrap();
    assert_eq!(own.status(), 200);
}

#[tokio::test]
async fn the_data_role_and_the_firewall_decide() {
    let service = Service::new(false).await;
    service.folder.write("doc", "x");
    refused(service.get("docs/absent").await, 404, "BlobNotFound").await;
    refused(service.get("absent/doc").await, 404, "ContainerNotFound").await;
    let elsewhere = service.url("docs/doc").replace(&service.account, "nosuchaccount");
    let elsewhere =
        client().get(elsewhere).bearer_auth(token(&service.handle, READER, "https://storage.azure.com"));
    refused(elsewhere.header("x-ms-version", "2026-04-06").send().await.unwrap(), 404, "ResourceNotFound")
        .await;
    refused(service.get("?comp=list").await, 403, "AuthorizationPermissionMismatch").await;
    for method in [Method::PUT, Method::DELETE, Method::POST, Method::PATCH] {
        let write = service.call(method, "docs/doc").send().await.unwrap();
        refused(write, 403, "AuthorizationPermissionMismatch").await;
    }
    assert!(service.folder.join("doc").exists());

    let stranger =
        token(&service.handle, "99999999-0000-0000-0000-00000000000f", "https://storage.azure.com");
    for path in ["docs/doc", "docs?restype=container&comp=list", "absent/doc"] {
        let url = service.url(path);
        let call = client().get(url).bearer_auth(&stranger).header("x-ms-version", "2026-04-06");
        refused(call.send().await.unwrap(), 403, "AuthorizationPermissionMismatch").await;
    }
    service.handle.world_mut().azure.accounts.get_mut(&service.account).unwrap().firewalled = true;
    refused(service.get("docs/doc").await, 403, "AuthorizationFailure").await;
}
