//! What peers send, from protobuf to what it says. What the node does beyond that is `record`'s and
//! `engine`'s, whose targets get what is inside.

use std::fmt::Debug;

use interlock_engine::charter::{CharterSignature, Charters, Role, SignedCharter};
use interlock_engine::replica::{HeadClaim, PullRange};
use interlock_sim::consortium::governance_key;
use interlock_wire::peer::{self, push_frame::Kind};
use interlock_wire::{BadFrame, charter_claim, time};
use prost::Message;

use crate::world::CONSORTIUM;
use crate::{fork, record};

/// The largest frame, as the node's transport has it.
const MAX_FRAME_BYTES: usize = 256 * 1024;

/// The message, if the bytes are one; then it is the same when it is sent on.
fn message<M: Message + Default + PartialEq + Debug>(bytes: &[u8], most: usize) -> Option<M> {
    let message = M::decode(bytes.get(..most.min(bytes.len()))?).ok()?;
    assert_eq!(M::decode(message.encode_to_vec().as_slice()).as_ref(), Ok(&message));
    Some(message)
}

/// What is understood is said again with the same words.
fn same_words<'a, M, D>(said: &'a M) -> Option<D>
where
    M: PartialEq + Debug + for<'d> From<&'d D>,
    D: TryFrom<&'a M, Error = BadFrame>,
{
    let understood = D::try_from(said).map_err(|error| assert!(!error.0.is_empty())).ok()?;
    assert_eq!(&M::from(&understood), said);
    Some(understood)
}

/// A frame of the node that dialled.
pub fn push_frame(bytes: &[u8]) {
    let Some(frame) = message::<peer::PushFrame>(bytes, MAX_FRAME_BYTES) else { return };
    match frame.kind {
        Some(Kind::Frontier(frontier)) => {
            for head in &frontier.heads {
                if let Some(claim) = same_words::<_, HeadClaim>(head) {
                    assert!(claim.sequence >= 1);
                }
            }
            if let Ok(Some(claim)) = charter_claim(&frontier) {
                assert_eq!(claim.version, frontier.charter_version);
                assert_eq!(claim.known.0.as_slice(), frontier.charters);
            }
        }
        Some(Kind::Records(records)) => records.records.iter().for_each(|bytes| record(bytes)),
        Some(Kind::Forks(forks)) => forks.proofs.iter().for_each(|bytes| fork(bytes)),
        Some(Kind::Hello(_)) | None => {}
    }
}

/// A frame of the node that was dialled.
pub fn reply_frame(bytes: &[u8]) {
    let _ = message::<peer::ReplyFrame>(bytes, MAX_FRAME_BYTES);
}

/// A question for records.
pub fn pull_request(bytes: &[u8]) {
    let Some(asked) = message::<peer::PullRequest>(bytes, MAX_FRAME_BYTES) else { return };
    for range in &asked.ranges {
        if let Some(range) = same_words::<_, PullRange>(range) {
            assert!(1 <= range.first && range.first <= range.last);
        }
    }
}

/// An answer with records.
pub fn pull_response(bytes: &[u8]) {
    let Some(answer) = message::<peer::PullResponse>(bytes, MAX_FRAME_BYTES) else { return };
    answer.records.iter().for_each(|bytes| record(bytes));
}

/// An answer with a charter version.
pub fn fetched_charter(bytes: &[u8]) {
    let most = 2 * interlock_engine::charter::MAX_CHARTER_BYTES;
    let Some(answer) = message::<peer::FetchChartersResponse>(bytes, most) else { return };
    let Ok(mut signed) = SignedCharter::try_from(answer.clone()) else { return };
    assert_eq!(peer::FetchChartersResponse::from(&signed), answer);
    taken_in(&signed);
    // A fuzzer cannot sign: everybody does it for whatever it wrote.
    let everybody = CONSORTIUM.members().into_iter();
    let sign = |member| {
        let key = governance_key(member);
        CharterSignature::new(member, Role::Governance, &key, &signed.document)
    };
    signed.signatures = everybody.map(sign).collect();
    taken_in(&signed);
}

/// A version that the chain takes in is known from then on, and changes no version before it.
fn taken_in(signed: &SignedCharter) {
    let charters = Charters::first(CONSORTIUM.charter.as_ref().clone());
    match charters.with("it", signed) {
        Ok(Some(more)) => {
            assert_eq!(more.consortium(), charters.consortium());
            assert_eq!((more.known().count(), more.chain().len()), (2, 2));
            assert_eq!(more.newest().text, signed.document);
            assert!(matches!(more.with("it", signed), Ok(None)), "it is known already");
        }
        Ok(None) => assert_eq!(signed.document, CONSORTIUM.charter.text),
        Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
    }
}

/// An instant as the API has it.
pub fn timestamp(bytes: &[u8]) {
    let Some(said) = message::<prost_types::Timestamp>(bytes, MAX_FRAME_BYTES) else { return };
    if let Ok(at) = time(&said) {
        assert_eq!(interlock_wire::timestamp(at), said);
    }
}
