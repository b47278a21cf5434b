//! A stretch of network that can lose connections as load balancers and NAT gateways do: silently.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes bytes on to one listener, until dropped.
pub struct Relay {
    url: String,
    accepted: Arc<AtomicUsize>,
    lost: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Relay {
    /// `base_url` is a listener's on loopback, without a path.
    pub async fn to(base_url: &str) -> Self {
        let (scheme, target) = base_url.split_once("://").expect("a base URL");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("{scheme}://{}", listener.local_addr().expect("a port"));
        let accepted = Arc::new(AtomicUsize::new(0));
        let (lost, watched) = watch::channel(());
        let (target, counted) = (target.to_owned(), accepted.clone());
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut lost = watched.clone();
                lost.mark_unchanged();
                tokio::spawn(pass(socket, target.clone(), lost));
            }
        });
        Self { url, accepted, lost, task }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connections so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// The connections there are carry nothing any more, and nobody is told.
    pub fn lose_connections(&self) {
        self.lost.send_replace(());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut near: TcpStream, target: String, mut lost: watch::Receiver<()>) {
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        // Both sockets stay open: whoever writes to them waits for an answer.
        Ok(()) = lost.changed() => std::future::pending().await,
    }
}
