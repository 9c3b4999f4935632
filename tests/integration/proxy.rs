//! A proxy that passes TCP through between two nodes and keeps what it saw.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A proxy; it ends when this is dropped.
pub(crate) struct Proxy {
    seen: Arc<Mutex<Vec<u8>>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Passes whatever comes to `from` on to `to`.
    pub(crate) async fn between(from: &str, to: String) -> Self {
        let listener = TcpListener::bind(from).await.expect("the address is ours");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let keep = seen.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let (to, keep) = (to.clone(), keep.clone());
                connections.spawn(async move {
                    // Whoever is not there now will be dialled again.
                    let Ok(far) = TcpStream::connect(&to).await else { return };
                    let (near_in, near_out) = near.into_split();
                    let (far_in, far_out) = far.into_split();
                    tokio::join!(
                        pass(near_in, far_out, keep.clone()),
                        pass(far_in, near_out, keep)
                    );
                });
            }
        });
        Self { seen, _tasks: tasks }
    }

    /// Everything that went through, either way.
    pub(crate) fn seen(&self) -> Vec<u8> {
        self.seen.lock().expect("nobody panics with it").clone()
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    keep: Arc<Mutex<Vec<u8>>>,
) {
    let mut bytes = vec![0; 16 * 1_024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        keep.lock().expect("nobody panics with it").extend_from_slice(&bytes[..count]);
        if to.write_all(&bytes[..count]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
