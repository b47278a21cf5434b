//! IAM: outbound federation, switched on once per account.

use super::mint::denied;
use super::query::{self, Call, Service, ServiceError, element};
use super::session;
use crate::local::Handle;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use carnet_trust::aws::{self, Decision};
use http::StatusCode;

const SERVICE: Service = Service {
    name: "iam",
    version: "2010-05-08",
    namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
    // IAM is global and signed for us-east-1; an SDK with an endpoint of one's own signs for the
    // region it was given.
    regions: |region| vec!["us-east-1".to_owned(), region.to_owned()],
};

pub fn router(handle: Handle) -> Router {
    Router::new().fallback(serve).with_state(handle)
}

async fn serve(State(handle): State<Handle>, request: Request) -> Response {
    query::answer(handle, &SERVICE, request, act).await
}

fn act(handle: &Handle, call: &Call) -> Result<String, ServiceError> {
    let act: fn(&Handle) -> Result<String, ServiceError> = match call.action.as_str() {
        "EnableOutboundWebIdentityFederation" => enable,
        "DisableOutboundWebIdentityFederation" => disable,
        "GetOutboundWebIdentityFederationInfo" => info,
        other => return Err(query::unknown_action(other, SERVICE.version)),
    };
    authorize(handle, call)?;
    act(handle)
}

fn authorize(handle: &Handle, call: &Call) -> Result<(), ServiceError> {
    let world = handle.world();
    let action = format!("iam:{}", call.action);
    match session::decide(&world, &call.caller.access_key_id, &aws::Request::new(&action, "*")) {
        Decision::Allowed => Ok(()),
        Decision::Denied { explicit, .. } => Err(denied(&call.caller.session_arn, &action, explicit)),
    }
}

fn enable(handle: &Handle) -> Result<String, ServiceError> {
    let mut world = handle.world_mut();
    if world.aws.outbound_federation {
        return Err(ServiceError::new(
            "FeatureEnabled",
            StatusCode::CONFLICT,
            "Outbound identity federation is already enabled for your Amazon Web Services account.",
        ));
    }
    world.aws.outbound_federation = true;
    Ok(element("IssuerIdentifier", &world.aws.issuer))
}

fn disable(handle: &Handle) -> Result<String, ServiceError> {
    let mut world = handle.world_mut();
    if !world.aws.outbound_federation {
        return Err(disabled());
    }
    world.aws.outbound_federation = false;
    Ok(String::new())
}

fn info(handle: &Handle) -> Result<String, ServiceError> {
    let world = handle.world();
    if !world.aws.outbound_federation {
        return Err(disabled());
    }
    Ok(element("IssuerIdentifier", &world.aws.issuer) + &element("JwtVendingEnabled", "true"))
}

fn disabled() -> ServiceError {
    ServiceError::new(
        "FeatureDisabled",
        StatusCode::NOT_FOUND,
        "Outbound identity federation is disabled for your Amazon Web Services account.",
    )
}
