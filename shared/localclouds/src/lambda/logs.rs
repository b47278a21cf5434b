//! What a function's processes wrote, line by line.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::sync::watch;

/// Older lines are forgotten.
const KEPT: usize = 20_000;

pub type LogSink = Arc<dyn Fn(&str) + Send + Sync>;

/// A clone shares the lines.
#[derive(Clone)]
pub struct Logs {
    lines: Arc<Mutex<VecDeque<String>>>,
    written: watch::Sender<u64>,
    sink: Option<LogSink>,
}

impl Logs {
    pub(crate) fn new(sink: Option<LogSink>) -> Self {
        Self { lines: Arc::default(), written: watch::Sender::new(0), sink }
    }

    /// All lines that are still kept, oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    pub fn contains(&self, text: &str) -> bool {
        self.lock().iter().any(|line| line.contains(text))
    }

    /// Waits for a line that holds the text. Give it a timeout of your own.
    pub async fn wait_for(&self, text: &str) {
        let mut written = self.written.subscribe();
        // The sender lives in `self`: waiting for a change cannot fail.
        while !self.contains(text) && written.changed().await.is_ok() {}
    }

    pub(crate) fn write(&self, line: &str) {
        if let Some(sink) = &self.sink {
            sink(line);
        }
        {
            let mut lines = self.lock();
            if lines.len() == KEPT {
                lines.pop_front();
            }
            lines.push_back(line.to_owned());
        }
        self.written.send_modify(|count| *count += 1);
    }

    /// Reads a pipe of the process until it closes.
    pub(crate) async fn follow(self, pipe: impl AsyncRead + Unpin) {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        loop {
            line.clear();
            match reader.read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => self.write(String::from_utf8_lossy(&line).trim_end_matches('\n')),
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<String>> {
        // Lines are pushed whole: a panic elsewhere leaves none half-written.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
