//! HTTP/2 as nodes speak it to each other: windows, keep-alive and limits, the same at both ends.

use std::time::Duration;

use tonic::transport::{Endpoint, Server};

/// Bytes that may be on their way in one stream.
pub const STREAM_WINDOW: u32 = 4 << 20;
/// Bytes that may be on their way in all streams of a connection, so that a few streams that nobody
/// reads do not stall the others.
pub const CONNECTION_WINDOW: u32 = 16 << 20;
/// How often a connection is tried, busy or not.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// How long the answer to that may take before the connection counts as broken.
pub const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Streams that a peer may have open at once in a connection.
pub const MAX_STREAMS: u32 = 64;
/// Bytes of headers that a peer may send with a request.
pub const MAX_HEADER_LIST: u32 = 16 << 10;

/// Gives a server the settings with which nodes speak to each other.
pub fn tune(server: Server) -> Server {
    server
        .accept_http1(false)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
        .max_concurrent_streams(MAX_STREAMS)
        .http2_max_header_list_size(MAX_HEADER_LIST)
}

/// The same for a client.
pub(super) fn tune_endpoint(endpoint: Endpoint) -> Endpoint {
    endpoint
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .http2_max_header_list_size(MAX_HEADER_LIST)
}
