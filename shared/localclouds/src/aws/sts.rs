//! STS: `GetWebIdentityToken` and `GetCallerIdentity`.

use super::mint;
use super::query::{self, Call, Service, ServiceError, element};
use crate::local::Handle;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;

const SERVICE: Service = Service {
    name: "sts",
    version: "2011-06-15",
    namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
    regions: |region| vec![region.to_owned()],
};

pub fn router(handle: Handle) -> Router {
    Router::new().fallback(serve).with_state(handle)
}

async fn serve(State(handle): State<Handle>, request: Request) -> Response {
    query::answer(handle, &SERVICE, request, act).await
}

fn act(handle: &Handle, call: &Call) -> Result<String, ServiceError> {
    match call.action.as_str() {
        "GetWebIdentityToken" => mint::get_web_identity_token(handle, call),
        "GetCallerIdentity" => Ok(caller_identity(handle, call)),
        other => Err(query::unknown_action(other, SERVICE.version)),
    }
}

/// Needs no permission: AWS answers it even to those who are denied it.
fn caller_identity(handle: &Handle, call: &Call) -> String {
    let world = handle.world();
    element("Arn", &call.caller.session_arn)
        + &element("UserId", &call.caller.user_id)
        + &element("Account", &world.aws.account)
}
