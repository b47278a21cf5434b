//! Any official AWS client, without a stored key: `aws_credential_types`' `ProvideCredentials`.

use crate::Credential;
use crate::exchange::AwsRole;
use crate::token::{AwsCredentials, Scope};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};

/// Given to a client, or to the SDK's configuration, as its credentials.
#[derive(Clone, Debug)]
pub struct AwsRoleCredentials {
    credential: Credential<AwsRole>,
    scope: Scope,
}

impl AwsRoleCredentials {
    pub fn new(credential: Credential<AwsRole>) -> Self {
        let scope = credential.exchange().scope();
        Self { credential, scope }
    }

    pub fn credential(&self) -> &Credential<AwsRole> {
        &self.credential
    }
}

impl ProvideCredentials for AwsRoleCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            // Our error travels as the SDK error's source.
            let given = self.credential.token(&self.scope).await.map_err(CredentialsError::provider_error)?;
            Ok(sdk_credentials(&given))
        })
    }
}

fn sdk_credentials(given: &AwsCredentials) -> Credentials {
    Credentials::new(
        &given.access_key_id,
        given.secret_access_key.expose(),
        Some(given.session_token.expose().to_owned()),
        Some(given.expires_at),
        "carnet",
    )
}
