//! The mint that the environment names, and the AWS session where one is needed.

use super::{
    AwsSession, AzureApp, AzureAppOptions, AzureIdentity, AzureIdentityOptions, Cognito, CognitoOptions,
    Github, GithubOptions, GoogleMetadata, GoogleMetadataOptions, SecretStore, TokenFile, TokenFileOptions,
    from_aws,
};
use crate::assertion::Proof;
use crate::config::{AwsRoleSettings, Env, Faults, MintKind, mint_options};
use crate::error::{Error, Hop, Kind, Result};
use crate::http::Http;
use crate::{BoxFuture, Mint, hints};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// One kind of mint, with what it has to know.
#[derive(Clone, Debug)]
pub enum MintOptions {
    Aws,
    Cognito(CognitoOptions),
    TokenFile(TokenFileOptions),
    Github(GithubOptions),
    AzureIdentity(AzureIdentityOptions),
    AzureApp(AzureAppOptions),
    GoogleMetadata(GoogleMetadataOptions),
}

/// Where proofs come from: read from the environment once, then opened. A clone shares the AWS session.
#[derive(Clone)]
pub struct Mints {
    kind: MintKind,
    options: MintOptions,
    /// Whose credentials AWS's own services are called with, if it is not the SDK's chain.
    role: Option<Role>,
    secrets: Option<Arc<dyn SecretStore>>,
    session: Arc<OnceCell<AwsSession>>,
}

/// A role, and how it is taken.
#[derive(Clone)]
struct Role {
    settings: AwsRoleSettings,
    take: Take,
}

/// A pointer, so that programs that never take a role do not carry the way to it.
type Take = for<'a> fn(&'a Http, Arc<dyn Mint>, &'a AwsRoleSettings) -> BoxFuture<'a, Result<AwsSession>>;

impl Mints {
    /// `CARNET_MINT`, and the settings of the mint that it names.
    pub fn read(env: &Env, faults: &mut Faults) -> Option<Self> {
        let (kind, options) = mint_options(env, faults)?;
        Some(Self { kind, options, role: None, secrets: None, session: Arc::default() })
    }

    /// The same for programs that also call AWS's services: where a role of AWS is named, and the proofs
    /// are not of AWS, they call as that role.
    pub fn read_with_aws(env: &Env, faults: &mut Faults) -> Option<Self> {
        let mints = Self::read(env, faults);
        if !AwsRoleSettings::is_session_of(env) {
            return mints;
        }
        let settings = AwsRoleSettings::read(env, faults);
        let role = Role {
            settings: settings?,
            take: |http, mint, settings| Box::pin(AwsSession::of_role(http, mint, settings)),
        };
        Some(Self { role: Some(role), ..mints? })
    }

    /// Where a client secret may lie (`CARNET_AZURE_CLIENT_SECRET_FROM`).
    pub fn with_secrets(self, secrets: Arc<dyn SecretStore>) -> Self {
        Self { secrets: Some(secrets), ..self }
    }

    /// With an AWS session of the caller's.
    pub fn with_session(self, session: AwsSession) -> Self {
        Self { session: Arc::new(OnceCell::new_with(Some(session))), ..self }
    }

    pub fn kind(&self) -> MintKind {
        self.kind
    }

    /// What makes proofs of the kind that an exchange takes. An AWS session is loaded only for a mint
    /// that signs with one.
    pub async fn open(&self, http: &Http, proof: Proof) -> Result<Arc<dyn Mint>> {
        if proof == Proof::SignedAwsRequest && self.kind != MintKind::Aws {
            let what = format!(
                "only CARNET_MINT=aws makes signed AWS requests (aws4_request), and it is {}; \
                 use an OIDC provider (jwt)",
                self.kind.as_str()
            );
            return Err(Error::new(Hop::Config, Kind::NotConfigured, "CARNET_MINT", what)
                .with_hint(&hints::CONFIGURATION));
        }
        let http = http.clone();
        Ok(match &self.options {
            MintOptions::Aws => from_aws(proof, self.session(&http).await?, http)?,
            MintOptions::Cognito(options) => {
                let session = match options.developer {
                    Some(_) => Some(self.session(&http).await?),
                    None => None,
                };
                Arc::new(Cognito::new(options.clone(), session, http)?)
            }
            MintOptions::TokenFile(options) => Arc::new(TokenFile::new(options.clone(), http)),
            MintOptions::Github(options) => Arc::new(Github::new(options.clone(), http)),
            MintOptions::AzureIdentity(options) => Arc::new(AzureIdentity::new(options.clone(), http)),
            MintOptions::AzureApp(options) => {
                Arc::new(AzureApp::new(options.clone(), self.secrets.clone(), http)?)
            }
            MintOptions::GoogleMetadata(options) => Arc::new(GoogleMetadata::new(options.clone(), http)),
        })
    }

    /// The AWS session of this process, loaded when it is first asked for: the SDK's chain, or the role
    /// that proofs of another cloud are traded for.
    pub async fn session(&self, http: &Http) -> Result<AwsSession> {
        let load = || async {
            match &self.role {
                None => AwsSession::load(http).await,
                Some(role) => {
                    // Boxed: the mint that is opened here has no role, and so no further session.
                    let mint = Box::pin(self.open(http, Proof::Jwt)).await?;
                    (role.take)(http, mint, &role.settings).await
                }
            }
        };
        self.session.get_or_try_init(load).await.cloned()
    }
}
