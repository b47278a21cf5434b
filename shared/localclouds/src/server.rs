//! Listeners on loopback: HTTP/1.1 with keep-alive, plain or over TLS.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

#[derive(Clone)]
pub enum Transport {
    Plain,
    Tls(Arc<rustls::ServerConfig>),
}

/// A port that is taken but not yet answered on: its URL may be written into others first.
pub struct Bound {
    /// Without a slash at the end.
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
    task: JoinHandle<()>,
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
        let task = tokio::spawn(accept(listener, transport, router));
        Listening { base_url, addr, task }
    }
}

impl Listening {
    /// Ends every connection, without waiting for the other side. Then the port is free.
    pub async fn stop(mut self) {
        self.task.abort();
        // Cancelled is what it is meant to be.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, transport: Transport, router: Router) {
    // Aborts its connections when this task ends.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A failure concerns one peer (or a shortage that passes), never the listener.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, transport.clone(), router.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, transport: Transport, router: Router) {
    // Answers are small and waited for; a failure to say so only costs speed.
    let _ = stream.set_nodelay(true);
    match transport {
        Transport::Plain => converse(stream, router).await,
        // A handshake that fails is the peer's to report: it refused our certificate or is no TLS.
        Transport::Tls(config) => {
            if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                converse(stream, router).await;
            }
        }
    }
}

/// Marks an answer that must not be given: the connection is reset instead.
#[derive(Clone, Copy, Debug)]
pub struct Reset;

trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Socket for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

async fn converse<S: Socket>(socket: S, router: Router) {
    let reset = Arc::new(AtomicBool::new(false));
    let service = {
        let reset = reset.clone();
        let router = TowerToHyperService::new(router);
        service_fn(move |request: Request<Incoming>| {
            let answer = router.call(request.map(Body::new));
            let reset = reset.clone();
            Box::pin(async move {
                let Ok(response): Result<Response, _> = answer.await;
                if response.extensions().get::<Reset>().is_some() {
                    reset.store(true, Ordering::Relaxed);
                    return Err(io::Error::from(io::ErrorKind::ConnectionReset));
                }
                Ok(response)
            })
        })
    };
    let mut connection =
        http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(socket), service);
    let ended = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let mut socket = connection.into_parts().io.into_inner();
    if reset.load(Ordering::Relaxed) {
        // Closing with a zero linger sends RST instead of FIN.
        let _ = socket.tcp().set_zero_linger();
    } else if ended.is_ok() {
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut socket).await;
    }
    // Else the body failed: TLS's close_notify is withheld, so that nobody takes it for the end.
}
