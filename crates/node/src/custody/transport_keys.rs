//! Transport keys, which the feed's key vouches for and which are renewed without touching it.

use std::sync::Arc;
use std::time::Duration;

use interlock_record::{ConsortiumId, FeedId, Signer, Span};
use tokio::sync::watch;

use crate::clock::now;
use crate::transport::{Binding, Credentials, IdentityError, TransportIdentity};

/// How long a transport key holds.
const TRANSPORT_KEY_LIFE: Span = Span::from_days(90);
/// After how long a running node makes a new one.
const TRANSPORT_KEY_RENEWAL: Duration = Duration::from_secs(30 * 86_400);
/// After how long it tries again when the signer was away.
const TRANSPORT_KEY_RETRY: Duration = Duration::from_secs(3_600);
/// How far before the start a transport key holds already, for peers whose clock is behind.
const TRANSPORT_KEY_BEFORE: Span = Span::from_secs(3_600);

/// Makes transport keys that the feed's key vouches for.
#[derive(Debug, Clone)]
pub(crate) struct TransportKeys {
    pub(crate) consortium: ConsortiumId,
    pub(crate) feed: FeedId,
    pub(crate) signer: Arc<dyn Signer>,
}

impl TransportKeys {
    /// A new one; waits for the signer.
    pub(crate) fn fresh(&self) -> Result<TransportIdentity, IdentityError> {
        let at = now();
        let binding = Binding {
            consortium: self.consortium,
            feed: self.feed,
            not_before: at.minus(TRANSPORT_KEY_BEFORE),
            not_after: at.plus(TRANSPORT_KEY_LIFE),
        };
        TransportIdentity::generate(binding, &*self.signer)
    }

    /// Shows a new transport key from time to time; connections that stand are left alone.
    pub(crate) async fn renew_forever(
        self,
        credentials: Arc<Credentials>,
        mut shutdown: watch::Receiver<bool>,
    ) {
        let mut wait = TRANSPORT_KEY_RENEWAL;
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = shutdown.wait_for(|over| *over) => return,
            }
            let this = self.clone();
            wait = match tokio::task::spawn_blocking(move || this.fresh()).await {
                Ok(Ok(identity)) => {
                    credentials.renew(identity);
                    TRANSPORT_KEY_RENEWAL
                }
                // The old one holds for two months more.
                Ok(Err(error)) => {
                    tracing::error!(%error, "cannot renew the transport key");
                    TRANSPORT_KEY_RETRY
                }
                Err(_) => TRANSPORT_KEY_RETRY,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use interlock_record::{Domain, FeedNumber, PublicKey, Signature, SigningFailed, SigningKey};

    use super::*;

    /// Signs, unless it is away.
    #[derive(Debug)]
    struct Flighty(SigningKey, AtomicBool);

    impl Signer for Flighty {
        fn public(&self) -> PublicKey {
            self.0.public()
        }

        fn sign(&self, domain: Domain, payload: &[u8]) -> Result<Signature, SigningFailed> {
            if self.1.load(Ordering::Relaxed) {
                return Err(SigningFailed::Unavailable("away".into()));
            }
            Ok(self.0.sign(domain, payload))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn transport_keys_are_renewed_with_the_same_feed_key() {
        let signer = Arc::new(Flighty(SigningKey::from_seed([3; 32]), AtomicBool::new(false)));
        let keys = TransportKeys {
            consortium: ConsortiumId([1; 32]),
            feed: FeedId { member: "acme".parse().expect("valid"), number: FeedNumber(1) },
            signer: signer.clone(),
        };
        let credentials = Arc::new(Credentials::new(keys.fresh().expect("it signs")));
        let shown = || credentials.current().certificate_der().to_vec();
        let first = shown();
        let (over, shutdown) = watch::channel(false);
        let renewing = tokio::spawn(keys.renew_forever(credentials.clone(), shutdown));
        tokio::time::sleep(TRANSPORT_KEY_RENEWAL.mul_f64(0.99)).await;
        assert_eq!(shown(), first, "not yet");
        let changed = async |from: &[u8]| {
            while shown() == from {
                tokio::time::sleep(Duration::from_secs(600)).await;
            }
            shown()
        };
        let second = changed(&first).await;
        // While the signer is away the old one is shown; it is asked again soon, not in a month.
        signer.1.store(true, Ordering::Relaxed);
        tokio::time::sleep(TRANSPORT_KEY_RENEWAL + TRANSPORT_KEY_RETRY).await;
        assert_eq!(shown(), second);
        signer.1.store(false, Ordering::Relaxed);
        let before = tokio::time::Instant::now();
        changed(&second).await;
        assert!(before.elapsed() <= TRANSPORT_KEY_RETRY * 2, "{:?}", before.elapsed());
        over.send(true).expect("it listens");
        renewing.await.expect("it ends");
    }
}
