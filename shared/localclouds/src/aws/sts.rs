//! STS: `GetWebIdentityToken`, `GetCallerIdentity` and `AssumeRoleWithWebIdentity`.

use super::query::{self, Call, Service, ServiceError, element};
use super::{mint, web_identity};
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
    // Who takes a role with a token has nothing yet to sign with.
    let outcome = match query::receive(request).await {
        Ok(received) if received.asks_for(&SERVICE, web_identity::ACTION) => {
            let result = web_identity::assume(&handle, &received.form).await;
            result.map(|result| (web_identity::ACTION.to_owned(), result))
        }
        Ok(received) => query::answer_signed(&handle, &SERVICE, received, act),
        Err(error) => Err(error),
    };
    query::respond(&SERVICE, outcome)
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
