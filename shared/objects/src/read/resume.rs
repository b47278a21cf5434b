//! What happens when a body is cut or wrong.

use super::{FRUITLESS_RESUMES, Reading, State};
use crate::attempt::attempt;
use crate::digest::Check;
use crate::range::ByteRange;
use crate::source::{Opened, ReadRequest};
use bytes::Bytes;
use carnet_federation::{Error, Hop, Kind, Result, deadline, hints};
use std::time::Duration;
use tokio::time::Instant;

/// The wait before a resume that follows one without a byte; doubled each time, with jitter.
const PAUSE: Duration = Duration::from_millis(100);

impl Reading {
    /// The body ended before its range did.
    pub(super) fn cut(&mut self, error: Option<Error>) -> Option<Result<Bytes>> {
        if let Some(error) = error.as_ref().filter(|error| !error.kind().is_transient()) {
            return self.fail(error.clone());
        }
        if self.fruitless == FRUITLESS_RESUMES {
            let end = self.range.end;
            let message = format!("the body ended at byte {} of {end}, again and again", self.position);
            let error = error.unwrap_or_else(|| self.error(Kind::Malformed, &message));
            return self.fail(error.with_hint(&hints::CUT_BODY));
        }
        tracing::warn!(
            target: "carnet_objects",
            key = %self.meta.key,
            position = self.position,
            end = self.range.end,
            error = error.as_ref().map(tracing::field::display),
            "a body was cut; resuming"
        );
        let pause = match self.fruitless {
            0 => Duration::ZERO,
            again => PAUSE * 2u32.pow(again - 1),
        };
        self.fruitless += 1;
        self.reopen(pause);
        None
    }

    /// What came is not the object. If none of it was handed out, it is asked for once more.
    pub(super) fn wrong(&mut self, message: &str) -> Option<Result<Bytes>> {
        if self.delivered || !self.second_chance {
            return self.fail(self.error(Kind::Malformed, message).with_hint(&hints::WRONG_BYTES));
        }
        tracing::warn!(target: "carnet_objects", key = %self.meta.key, message, "reading anew");
        self.second_chance = false;
        self.held = None;
        self.position = self.range.start;
        self.check.as_mut().map(Check::restart);
        self.reopen(Duration::ZERO);
        None
    }

    /// Asks for the rest, of the same version.
    fn reopen(&mut self, pause: Duration) {
        let (source, key) = (self.source.clone(), self.meta.key.clone());
        let rest = ByteRange::Between { first: self.position, last: self.range.end.saturating_sub(1) };
        let request = ReadRequest {
            // An empty object has no range that could be asked for.
            range: (!self.range.is_empty()).then_some(rest),
            version: Some(self.meta.version.clone()),
            ..ReadRequest::default()
        };
        let opening = async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            }
            attempt(&*source, Hop::Read, || source.open(&key, &request)).await
        };
        self.state = State::Reopening(match &self.deadline {
            Some((at, _)) => {
                Box::pin(deadline::within(at.saturating_duration_since(Instant::now()), opening))
            }
            None => Box::pin(opening),
        });
    }

    pub(super) fn reopened(&mut self, outcome: Result<Opened>) -> Option<Result<Bytes>> {
        let opened = match outcome {
            Ok(opened) => opened,
            // The version is pinned and the rest lies within its size: the store contradicts itself.
            Err(error) if error.kind() == Kind::OutOfRange => {
                let error =
                    self.error(Kind::Malformed, "the store no longer has the rest of it").caused_by(error);
                return self.fail(error);
            }
            Err(error) => return self.fail(error),
        };
        if opened.meta.version != self.meta.version {
            return self
                .fail(self.error(Kind::Changed, "it changed while it was read").with_hint(&hints::CHANGED));
        }
        if opened.range != (self.position..self.range.end) || opened.meta.size != self.meta.size {
            let message = format!(
                "asked for bytes {}..{} and was given {:?}",
                self.position, self.range.end, opened.range
            );
            return self.fail(self.error(Kind::Malformed, &message));
        }
        self.state = State::Receiving(opened.body);
        None
    }
}
