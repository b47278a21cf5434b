//! What comes in: tokens that others present, events, lists, and the queue behind the door.

use super::{Hint, hint, plain};

pub static TOKEN_MISSING: Hint = hint(
    "event-token",
    "token",
    "let the sender authenticate: Event Grid with Microsoft Entra, Pub/Sub push with a service account",
);
pub static TOKEN_ISSUER: Hint = hint(
    "event-issuer",
    "issuer",
    "compare the issuer presented with CARNET_EVENTS_AZURE_TENANT_ID or CARNET_EVENTS_GOOGLE_ISSUER",
);
pub static TOKEN_AUDIENCE: Hint = hint(
    "event-audience",
    "audience",
    "compare the audience presented with CARNET_EVENTS_AZURE_AUDIENCES or CARNET_EVENTS_GOOGLE_AUDIENCES",
);
pub static TOKEN_SUBJECT: Hint = hint(
    "event-subject",
    "subject",
    "compare who presented it with CARNET_EVENTS_AZURE_SUBJECTS or CARNET_EVENTS_GOOGLE_SUBJECTS",
);
pub static TOKEN_TIME: Hint =
    hint("event-expiry", "expiry", "the sender presents a token outside its time: check the clocks");
pub static TOKEN_KEY: Hint = hint(
    "event-key",
    "key",
    "the issuer's published keys do not bear the token out: check the issuer, and the way to it",
);
pub static EVENT_MALFORMED: Hint = hint(
    "event-malformed",
    "message",
    "the message has none of the documented shapes: look at what else writes into the queue",
);
pub static EVENT_OUTSIDE: Hint = hint(
    "event-outside",
    "CARNET_SYNC_SOURCE",
    "the object is not below CARNET_SYNC_SOURCE: narrow the subscription's filter, or correct the setting",
);
pub static LIST_REFUSED: Hint = hint(
    "event-list",
    "list",
    "correct the list: one URL below CARNET_SYNC_SOURCE a line, in the folder of CARNET_INGEST_INBOX",
);
pub static QUEUE: Hint = plain(
    "event-queue",
    "the queue does not take the message: check CARNET_EVENTS_QUEUE_URL and the role's sqs:SendMessage",
);

pub(super) fn all() -> impl Iterator<Item = &'static Hint> {
    [
        &TOKEN_MISSING,
        &TOKEN_ISSUER,
        &TOKEN_AUDIENCE,
        &TOKEN_SUBJECT,
        &TOKEN_TIME,
        &TOKEN_KEY,
        &EVENT_MALFORMED,
        &EVENT_OUTSIDE,
        &LIST_REFUSED,
        &QUEUE,
    ]
    .into_iter()
}
