//! Any official Google client, without a stored key: `google_cloud_auth`'s `CredentialsProvider`.

use crate::error::{Result, cause};
use crate::exchange::Google;
use crate::token::{AccessToken, Expiring as _, Scope};
use crate::{Credential, Error};
use google_cloud_auth::credentials::{CacheableResource, Credentials, CredentialsProvider, EntityTag};
use google_cloud_auth::errors::CredentialsError;
use http::header::{AUTHORIZATION, HeaderMap};
use std::sync::{Arc, Mutex, MutexGuard};

/// Given to a client as its credentials; bound to one scope, since Google's clients name none.
#[derive(Debug)]
pub struct GoogleCredential {
    credential: Credential<Google>,
    scope: Scope,
    /// What was last given, so that a 401 can be laid at the right token's door.
    given: Mutex<Option<Given>>,
}

#[derive(Clone, Debug)]
struct Given {
    token: AccessToken,
    /// The name of these headers, for clients that keep them.
    tag: EntityTag,
}

impl GoogleCredential {
    pub fn new(credential: Credential<Google>, scope: Scope) -> Arc<Self> {
        Arc::new(Self { credential, scope, given: Mutex::default() })
    }

    pub fn credential(&self) -> &Credential<Google> {
        &self.credential
    }

    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// A live token, remembered until the next one.
    pub async fn token(&self) -> Result<AccessToken> {
        Ok(self.give().await?.token)
    }

    /// The store said 401 to the token last given: the next call mints anew. Said twice of the same
    /// token, it counts once.
    pub fn rejected(&self) {
        let given = self.given().clone();
        if let Some(given) = given {
            self.credential.invalidate(&self.scope, &given.token);
        }
    }

    /// What a client's builder takes (`with_credentials`).
    pub fn credentials(self: &Arc<Self>) -> Credentials {
        Credentials::from(Provider(self.clone()))
    }

    async fn give(&self) -> Result<Given> {
        let token = self.credential.token(&self.scope).await?;
        let mut given = self.given();
        match given.as_ref() {
            Some(last) if is_same(&last.token, &token) => Ok(last.clone()),
            _ => Ok(given.insert(Given { token, tag: EntityTag::new() }).clone()),
        }
    }

    fn given(&self) -> MutexGuard<'_, Option<Given>> {
        // Whole at every step, so a poisoned lock is still good.
        self.given.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn is_same(one: &AccessToken, other: &AccessToken) -> bool {
    one.expires_at() == other.expires_at() && one.secret.expose() == other.secret.expose()
}

#[derive(Debug)]
struct Provider(Arc<GoogleCredential>);

impl CredentialsProvider for Provider {
    async fn headers(
        &self,
        extensions: http::Extensions,
    ) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        let Given { token, tag } = self.0.give().await.map_err(sdk_error)?;
        if extensions.get::<EntityTag>() == Some(&tag) {
            return Ok(CacheableResource::NotModified);
        }
        let value = token.bearer();
        let value =
            value.ok_or_else(|| CredentialsError::from_msg(false, "the token does not fit into a header"))?;
        let data = HeaderMap::from_iter([(AUTHORIZATION, value)]);
        Ok(CacheableResource::New { entity_tag: tag, data })
    }

    async fn universe_domain(&self) -> Option<String> {
        Some(self.0.credential.exchange().universe_domain().to_owned())
    }
}

/// Our error travels as the SDK error's source; [`recover`] finds it again. It is never called
/// transient: what could be tried again has been, inside the deadline.
fn sdk_error(error: Error) -> CredentialsError {
    CredentialsError::new(false, "no token", error)
}

/// The error of ours inside an SDK error: a refused exchange stays one, though a client reports it.
pub fn recover(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
    cause::<Error>(error).cloned()
}
