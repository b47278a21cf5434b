//! A bar on stderr, where it disturbs nobody.

use crate::args::{Format, Global};
use crate::console;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::ops::Range;

/// Hidden unless stderr is a terminal and the bytes go elsewhere.
pub struct Progress(ProgressBar);

impl Progress {
    pub fn new(range: Range<u64>, to_stdout: bool, global: &Global) -> Self {
        let disturbs = global.quiet || global.format == Format::Json;
        let bytes_on_screen = to_stdout && console::stdout_is_terminal();
        if disturbs || bytes_on_screen || !console::stderr_is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(
            Some(range.end - range.start),
            ProgressDrawTarget::stderr_with_hz(8),
        );
        // The template is a constant; were it wrong, the default bar would do.
        if let Ok(style) = ProgressStyle::with_template(
            "{bar:30} {binary_bytes:>11} of {binary_total_bytes} {binary_bytes_per_sec:>13} {eta:>4}",
        ) {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub fn add(&self, bytes: usize) {
        self.0.inc(bytes as u64);
    }

    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Progress {
    /// An error's text follows where the bar was.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
