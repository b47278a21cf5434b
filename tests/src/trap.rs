//! A listener that nobody should call.

use std::io::ErrorKind;
use std::net::TcpListener;

/// Takes connections as long as it lives, and answers none.
pub struct Trap(TcpListener);

impl Trap {
    pub fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener that does not wait");
        Self(listener)
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        self.0.local_addr().expect("a port").to_string()
    }

    /// Whether nobody has connected so far.
    pub fn was_left_alone(&self) -> bool {
        self.0.accept().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}
