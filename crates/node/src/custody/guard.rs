//! What a careful signer signs: the headers of its feed's records, never two different ones for one
//! sequence number, and bindings of transport keys to its feed. Nothing else.

use interlock_engine::replica::SignedHead;
use interlock_record::{ConsortiumId, Domain, FeedId, Header, SigningKey, Span, record_id};
use interlock_wire::signer::{Answer, Question};

use super::last_signed::LastSigned;
use crate::transport::Binding;

/// The longest that a transport key may be bound.
pub const MAX_BINDING: Span = Span::from_days(100);

/// A key, and what it has signed.
#[derive(Debug)]
pub struct Guard {
    key: SigningKey,
    consortium: ConsortiumId,
    feed: FeedId,
    last: LastSigned,
    /// The one record that may be signed a second time, since its operator says so.
    again: Option<u64>,
}

/// Why something is not signed: a stable name, and more for people.
type Refusal = (&'static str, String);

impl Guard {
    /// A guard of the key of a feed.
    pub const fn new(
        key: SigningKey,
        consortium: ConsortiumId,
        feed: FeedId,
        last: LastSigned,
    ) -> Self {
        Self { key, consortium, feed, last, again: None }
    }

    /// Lets the record of this sequence number be replaced by another, once. For an operator who
    /// has made sure that the signature of the first never got to anybody.
    #[must_use]
    pub fn signing_again(self, sequence: Option<u64>) -> Self {
        Self { again: sequence, ..self }
    }

    /// Answers a line.
    pub fn answer(&mut self, line: &str) -> Answer {
        let refused = |(code, text): Refusal| Answer::Refused { code: code.to_owned(), text };
        match Question::parse(line) {
            Err(error) => refused(("NOT_UNDERSTOOD", error.to_string())),
            Ok(Question::Public) => Answer::Ok(self.key.public().as_bytes().to_vec()),
            Ok(Question::Sign { domain, payload }) => match self.check(domain, &payload) {
                Err(refusal) => {
                    tracing::warn!(
                        domain = domain.text(),
                        code = refusal.0,
                        why = refusal.1,
                        "refused to sign"
                    );
                    refused(refusal)
                }
                Ok(head) => self.sign(domain, &payload, head),
            },
        }
    }

    /// Signs what was checked; a record only when it is remembered on disk that it was.
    fn sign(&mut self, domain: Domain, payload: &[u8], head: Option<SignedHead>) -> Answer {
        if let Some(head) = head.filter(|head| self.last.head() != Some(*head)) {
            if let Err(error) = self.last.remember(head) {
                tracing::error!(%error, "cannot remember what is signed, so it is not signed");
                return Answer::Failed { code: "DISK_FAILED".into(), text: error.to_string() };
            }
            if self.again == Some(head.sequence) {
                self.again = None;
            }
        }
        Answer::Ok(self.key.sign(domain, payload).as_bytes().to_vec())
    }

    /// Whether this may be signed, and which record it is, if it is one.
    fn check(&self, domain: Domain, payload: &[u8]) -> Result<Option<SignedHead>, Refusal> {
        match domain {
            Domain::Record => self.check_header(payload).map(Some),
            Domain::Transport => self.check_binding(payload).map(|()| None),
            _ => Err((
                "WRONG_DOMAIN",
                format!("expected a record or a transport key, got {}", domain.text()),
            )),
        }
    }

    fn check_place(&self, consortium: ConsortiumId, feed: FeedId) -> Result<(), Refusal> {
        if consortium != self.consortium {
            return Err(("WRONG_CONSORTIUM", format!("expected {}", self.consortium)));
        }
        if feed != self.feed {
            return Err(("WRONG_FEED", format!("expected {}, got {feed}", self.feed)));
        }
        Ok(())
    }

    fn check_header(&self, payload: &[u8]) -> Result<SignedHead, Refusal> {
        let header = Header::decode(payload).map_err(|error| ("BAD_HEADER", error.to_string()))?;
        self.check_place(header.consortium, header.feed)?;
        let head = SignedHead { sequence: header.sequence, id: record_id(payload) };
        let Some(last) = self.last.head() else { return Ok(head) };
        let sequence = last.sequence;
        if head.sequence < sequence {
            return Err(("OLDER", format!("record {sequence} is signed already")));
        }
        if head.sequence == sequence && head.id != last.id && self.again != Some(sequence) {
            return Err(("ALREADY_SIGNED", format!("another record {sequence} is signed already")));
        }
        let follows = header.previous == Some(last.id);
        if head.sequence == sequence.saturating_add(1) && !follows {
            return Err(("FORK", format!("it does not follow the record {sequence} signed here")));
        }
        Ok(head)
    }

    fn check_binding(&self, payload: &[u8]) -> Result<(), Refusal> {
        let binding = Binding::of_message(payload)
            .ok_or_else(|| ("BAD_BINDING", "expected a binding and a key's digest".to_owned()))?;
        self.check_place(binding.consortium, binding.feed)?;
        let lasts = binding.not_after.since(binding.not_before);
        if lasts > MAX_BINDING {
            return Err((
                "BINDING_TOO_LONG",
                format!("expected at most {MAX_BINDING}, got {lasts}"),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
