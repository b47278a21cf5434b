//! The HTTP contract of the object functions, over any [`ObjectSource`](carnet_objects::ObjectSource).
//!
//! | route | answer |
//! |---|---|
//! | `GET /<store>/{place}` | a JSON page of objects: `prefix`, `delimiter`, `page_size`, `page_token` |
//! | `GET`, `HEAD /<store>/{place}/{key+}` | the object: `Range`, `If-Match`, `If-None-Match` |
//! | direct invocation `{"carnet":"doctor"}` | the function's own way, hop by hop |
//!
//! At start [`places`] reads what a function serves. In the order a request walks it: [`event`] says
//! what is asked, [`api`] asks the source, [`answer`] shapes what comes back, [`problem`] what does
//! not, and [`serve`] is the loop around them. Functions differ only in the sources they hand in.

pub mod answer;
pub mod api;
pub mod event;
pub mod places;
pub mod problem;
mod rest;
pub mod serve;

pub use api::Api;
pub use serve::serve;
