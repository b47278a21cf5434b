//! What a principal's program is told of its ways: the variables that `docs/configuration.md` lists.

use crate::config::{Config, Principal, Provider, ProviderKind, Secrets, Sync};
use std::collections::BTreeMap;

impl ProviderKind {
    /// As a function's settings name the proof it takes.
    fn subject_token_type(self) -> &'static str {
        match self {
            ProviderKind::Oidc => "jwt",
            ProviderKind::Aws => "aws4_request",
        }
    }
}

impl Config {
    /// Its variables. Endpoints are not among them: they are those of the clouds themselves.
    pub fn environment(&self, principal: &Principal) -> BTreeMap<String, String> {
        let azure = self.azure.as_ref().zip(self.client_id(principal));
        let cloud = azure.map(|(azure, _)| azure.cloud);
        let kind = self.provider(principal).map(|provider| provider.kind);
        let variables = [
            ("CARNET_PLACES", Some(self.places_of(principal)).filter(|places| !places.is_empty())),
            ("AZURE_TENANT_ID", azure.map(|(azure, _)| azure.tenant_id.clone())),
            ("AZURE_CLIENT_ID", azure.map(|(_, client_id)| client_id.to_owned())),
            ("CARNET_AZURE_CLOUD", cloud.map(|cloud| cloud.name().to_owned())),
            ("CARNET_AZURE_AUDIENCE", cloud.map(|cloud| cloud.exchange_audience().to_owned())),
            ("CARNET_GOOGLE_AUDIENCE", self.google_audience(principal)),
            ("CARNET_GOOGLE_TOKEN_AUDIENCE", self.google_token_audience(principal)),
            ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", kind.map(|kind| kind.subject_token_type().to_owned())),
            ("CARNET_GOOGLE_SERVICE_ACCOUNT", self.google_service_account(principal).map(str::to_owned)),
        ];
        let set = variables.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        set.collect()
    }

    /// A function's. Those of the sync are told its pair of places, the second in that bucket of S3.
    pub fn function_environment(&self, function: &str, bucket: Option<&str>) -> BTreeMap<String, String> {
        let Some(principal) = self.functions.get(function) else { return BTreeMap::new() };
        let mut variables = self.environment(principal);
        if let Some(sync) = self.sync.as_ref().filter(|_| Sync::FUNCTIONS.contains(&function)) {
            variables.remove("CARNET_PLACES");
            let from = self.places.get(&sync.from).map(ToString::to_string);
            let to = bucket.map(|bucket| format!("s3://{bucket}/{}", sync.to));
            let ends = [("CARNET_SYNC_SOURCE", from), ("CARNET_SYNC_DESTINATION", to)];
            variables.extend(ends.into_iter().filter_map(|(name, url)| Some((name.to_owned(), url?))));
        }
        if let Some(secrets) = self.secrets.as_ref().filter(|_| function == Secrets::FUNCTION) {
            variables.insert("CARNET_SECRETS".to_owned(), secrets.pairs());
        }
        variables
    }

    /// `name=url`, separated by commas.
    fn places_of(&self, principal: &Principal) -> String {
        let places =
            principal.reads.iter().filter_map(|name| Some(format!("{name}={}", self.places.get(name)?)));
        places.collect::<Vec<_>>().join(",")
    }

    /// Of the identity it is in Azure.
    pub fn client_id(&self, principal: &Principal) -> Option<&str> {
        let identity = self.azure.as_ref()?.identities.get(principal.azure_identity.as_ref()?)?;
        Some(&identity.client_id)
    }

    /// What it names as its audience at Google's token service.
    pub fn google_audience(&self, principal: &Principal) -> Option<String> {
        Some(self.google.as_ref()?.audience(principal.google_provider.as_ref()?))
    }

    /// The first audience that its provider allows in place of its name.
    pub(super) fn google_token_audience(&self, principal: &Principal) -> Option<String> {
        self.provider(principal)?.allowed_audiences.first().cloned()
    }

    /// The e-mail address of whom it acts as.
    pub fn google_service_account(&self, principal: &Principal) -> Option<&str> {
        let account = principal.google_service_account.as_ref()?;
        Some(&self.google.as_ref()?.service_accounts.get(account)?.email)
    }

    pub(super) fn provider(&self, principal: &Principal) -> Option<&Provider> {
        self.google.as_ref()?.providers.get(principal.google_provider.as_ref()?)
    }
}
