//! What a sender is told: "Output format of a Lambda function for proxy integration". Never why it was
//! refused: that is in the log.

use serde_json::{Value, json};

/// Queued. Both senders take it for done.
pub fn accepted() -> Value {
    json!({ "statusCode": 202, "headers": {}, "body": "" })
}

/// Event Grid's own handshake. It "must return an HTTP 200": 202 is not recognized.
pub fn validation(code: &str) -> Value {
    let body = json!({ "validationResponse": code }).to_string();
    json!({ "statusCode": 200, "headers": { "Content-Type": "application/json" }, "body": body })
}

/// CloudEvents' handshake ("HTTP 1.1 Web Hooks for Event Delivery", abuse protection). The rate is
/// API Gateway's to bound.
pub fn allowed(origin: &str) -> Value {
    let headers = json!({
        "Allow": "OPTIONS, POST",
        "WebHook-Allowed-Origin": origin,
        "WebHook-Allowed-Rate": "*",
    });
    json!({ "statusCode": 200, "headers": headers, "body": "" })
}

/// A problem (RFC 9457) that has no type of its own.
pub fn problem(status: u16) -> Value {
    let title = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        _ => "Service Unavailable",
    };
    let mut headers = json!({ "Content-Type": "application/problem+json", "Cache-Control": "no-store" });
    match status {
        401 => headers["WWW-Authenticate"] = "Bearer".into(),
        405 => headers["Allow"] = "OPTIONS, POST".into(),
        // An issuer is asked once in so many seconds.
        503 => headers["Retry-After"] = "10".into(),
        _ => {}
    }
    let body = json!({ "type": "about:blank", "title": title, "status": status }).to_string();
    json!({ "statusCode": status, "headers": headers, "body": body })
}
