//! Where a node is: an address as people write it.

use std::fmt;
use std::str::FromStr;

use tonic::transport::Endpoint;

use crate::exit::Failure;

/// `http://HOST:PORT` or `unix:PATH`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeAddress(String);

impl NodeAddress {
    /// What connects to it.
    ///
    /// # Errors
    /// [`Failure`] when it is no address after all.
    pub(super) fn endpoint(&self) -> Result<Endpoint, Failure> {
        Endpoint::from_shared(self.0.clone()).map_err(|_| Failure::usage(expected(&self.0)))
    }
}

fn expected(text: &str) -> String {
    format!("expected http://HOST:PORT or unix:PATH, got {text:?}")
}

impl FromStr for NodeAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let right = if let Some(path) = text.strip_prefix("unix:") {
            !path.trim_start_matches('/').is_empty()
        } else if let Some(authority) = text.strip_prefix("http://") {
            let authority = authority.strip_suffix('/').unwrap_or(authority);
            let port = authority.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
            matches!(port, Some((host, Ok(_))) if !host.is_empty() && !host.contains('/'))
        } else {
            false
        };
        if right && Endpoint::from_shared(text.to_owned()).is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err(expected(text))
        }
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_http_or_unix() {
        for text in [
            "http://127.0.0.1:7100",
            "http://[::1]:7100",
            "http://h:1/",
            "unix:a.sock",
            "unix:/run/a.sock",
        ] {
            let address: NodeAddress = text.parse().expect(text);
            assert!(address.endpoint().is_ok(), "{text}");
        }
        for text in [
            "",
            "127.0.0.1:7100",
            "https://h:1",
            "http://h",
            "http://:1",
            "http://h:99999",
            "http://h:1/x",
            "unix:",
        ] {
            assert!(text.parse::<NodeAddress>().is_err(), "{text:?} must be refused");
        }
    }
}
