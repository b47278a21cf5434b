//! Who is let in, and how far.

use crate::service::{POOL, READ_ONLY, READER, Service, header, refused};
use crate::support::{Folder, client};
use reqwest::Method;

#[tokio::test]
async fn nothing_outside_the_folder_is_reachable() {
    let service = Service::new().await;
    let outside = Folder::new();
    outside.write("secret", "no");
    service.folder.write("dir/in", "yes");
    std::os::unix::fs::symlink(outside.join("secret"), service.folder.join("file-link")).unwrap();
    std::os::unix::fs::symlink(outside.path(), service.folder.join("dir-link")).unwrap();
    let absolute = outside.join("secret").display().to_string();
    for name in ["file-link", "dir-link/secret", "dir-link", "dir", "dir/", "dir//in", "/dir/in", &absolute] {
        let message = refused(service.get(&service.object(name)).await, 404, "notFound").await;
        assert_eq!(message, format!("No such object: {}/{name}", service.bucket));
    }
    for name in ["../secret", "dir/../../secret", "dir/./in", "dir/.."] {
        refused(service.get(&service.object(name)).await, 400, "invalid").await;
    }
    assert_eq!(service.names("").await, ["dir/in"]);
}

#[tokio::test]
async fn who_has_no_valid_token_is_refused() {
    let service = Service::new().await;
    service.folder.write("doc", "x");
    let url = service.url(&service.object("doc"));
    let bare = client().get(&url).send().await.unwrap();
    assert_eq!(header(&bare, "www-authenticate"), "Bearer realm=\"https://accounts.google.com/\"");
    let message = refused(bare, 401, "required").await;
    assert!(message.starts_with("Anonymous caller does not have storage.objects.get access"), "{message}");

    let good = service.token(&[POOL], true, READ_ONLY);
    for bad in [format!("{}AAAA", &good[..good.len() - 4]), "ya29.made-up".to_owned()] {
        let forged = client().get(&url).bearer_auth(bad).send().await.unwrap();
        assert!(header(&forged, "www-authenticate").ends_with("error=\"invalid_token\""));
        assert_eq!(refused(forged, 401, "authError").await, "Invalid Credentials");
    }
    let elsewhere = service.token(&[POOL], true, "https://www.googleapis.com/auth/iam");
    let elsewhere = client().get(&url).bearer_auth(elsewhere).send().await.unwrap();
    assert!(header(&elsewhere, "www-authenticate").contains("error=\"insufficient_scope\""));
    assert_eq!(refused(elsewhere, 403, "forbidden").await, "Provided scope(s) are not authorized");
    assert_eq!(client().get(&url).bearer_auth(good).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_grant_decides_and_tells_nothing_else() {
    let service = Service::new().await;
    service.folder.write("doc", "x");
    let other = service.token(&["serviceAccount:other@project.iam.gserviceaccount.com"], false, READ_ONLY);
    let stranger = service.token(&["principal://iam.googleapis.com/x/subject/y"], true, READ_ONLY);
    for (token, who) in [(other, "other@project.iam.gserviceaccount.com"), (stranger, "Caller")] {
        for name in ["doc", "absent"] {
            let url = service.url(&service.object(name));
            let response = client().get(url).bearer_auth(&token).send().await.unwrap();
            assert_eq!(
                refused(response, 403, "forbidden").await,
                format!(
                    "{who} does not have storage.objects.get access to the Google Cloud Storage object. Permission \
                     'storage.objects.get' denied on resource (or it may not exist)."
                )
            );
        }
        let url = service.url(&format!("/storage/v1/b/{}/o", service.bucket));
        let response = client().get(url).bearer_auth(&token).send().await.unwrap();
        let message = refused(response, 403, "forbidden").await;
        assert!(
            message.contains("storage.objects.list access to the Google Cloud Storage bucket."),
            "{message}"
        );
        let absent = client().get(service.url("/storage/v1/b/no-such-bucket/o")).bearer_auth(&token);
        let message = refused(absent.send().await.unwrap(), 404, "notFound").await;
        assert_eq!(message, "The specified bucket does not exist.");
    }
}

#[tokio::test]
async fn a_bucket_without_uniform_access_knows_no_federated_identity() {
    let service = Service::new().await;
    service.folder.write("doc", "x");
    let federated = service.token(&[POOL], true, READ_ONLY);
    let ask = || client().get(service.url(&service.object("doc"))).bearer_auth(&federated).send();
    assert_eq!(ask().await.unwrap().status(), 200);
    service.handle.world_mut().google.buckets.get_mut(&service.bucket).unwrap().uniform_access = false;
    let message = refused(ask().await.unwrap(), 401, "authError").await;
    assert!(message.starts_with("Request had invalid authentication credentials."), "{message}");
    assert_eq!(service.get(&service.object("doc")).await.status(), 200, "a service account still may");
}

#[tokio::test]
async fn a_reader_may_not_write_nor_see_the_bucket() {
    let service = Service::new().await;
    service.folder.write("doc", "x");
    let bucket = format!("/storage/v1/b/{}", service.bucket);
    let object = service.object("doc");
    let upload = format!("/upload{bucket}/o?uploadType=media&name=doc");
    for (method, path, permission, resource) in [
        (Method::GET, bucket.as_str(), "storage.buckets.get", "Google Cloud Storage bucket"),
        (Method::GET, "/storage/v1/b?project=p", "storage.buckets.list", "Google Cloud project"),
        (Method::POST, &upload, "storage.objects.create", "Google Cloud Storage object"),
        (Method::PATCH, &object, "storage.objects.update", "Google Cloud Storage object"),
        (Method::DELETE, &object, "storage.objects.delete", "Google Cloud Storage object"),
    ] {
        let response = service.call(method, path).send().await.unwrap();
        let message = refused(response, 403, "forbidden").await;
        let expected = format!("{READER} does not have {permission} access to the {resource}.");
        assert!(message.starts_with(&expected), "{message}");
    }
    assert!(service.folder.join("doc").exists());
    refused(service.get("/storage/v2/b").await, 404, "notFound").await;
}
