//! HTTP for scrapes: `GET /metrics`, one answer a connection.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::prometheus_text;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Source;

/// So many connections are served at once; further ones wait.
pub const MAX_SCRAPES: usize = 4;
/// How long a client may take for its request, and a connection in all.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nothing is accepted after the system refused to (too many open files, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers scrapes until `over` is done.
pub async fn serve(listener: TcpListener, source: Source, over: impl Future<Output = ()>) {
    let source = Arc::new(source);
    let free = Arc::new(Semaphore::new(MAX_SCRAPES));
    tokio::pin!(over);
    loop {
        let next = async {
            let permit = free.clone().acquire_owned().await.ok()?;
            Some((permit, listener.accept().await))
        };
        let accepted = tokio::select! {
            () = &mut over => return,
            next = next => next,
        };
        match accepted {
            None => return,
            Some((permit, Ok((stream, _)))) => {
                let source = source.clone();
                tokio::spawn(async move {
                    // Whoever does not listen to the end has no answer, and that is all.
                    let _ = timeout(SCRAPE_TIMEOUT, answer(stream, source)).await;
                    drop(permit);
                });
            }
            Some((_, Err(error))) => {
                tracing::debug!(%error, "cannot accept a scrape");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(stream: TcpStream, source: Arc<Source>) -> hyper::Result<()> {
    let service = service_fn(move |request: Request<Incoming>| {
        let source = source.clone();
        async move { Ok::<_, Infallible>(respond(&request, &source).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SCRAPE_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

async fn respond(request: &Request<Incoming>, source: &Source) -> Response<Full<Bytes>> {
    if request.uri().path() != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "expected /metrics\n");
    }
    if request.method() != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "expected GET\n");
    }
    match source.text().await {
        Ok(text) => {
            let mut response = Response::new(Full::new(Bytes::from(text)));
            let kind = HeaderValue::from_static(prometheus_text::CONTENT_TYPE);
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        Err(error) => {
            tracing::error!(%error, "cannot gather the metrics");
            let why = "cannot gather the metrics, see the node's log\n";
            plain(StatusCode::INTERNAL_SERVER_ERROR, why)
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}
