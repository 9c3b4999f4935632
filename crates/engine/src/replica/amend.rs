//! Charter versions that come, from an operator or from other members.

use std::cmp::Ordering;
use std::sync::Arc;

use interlock_record::{Digest, FeedId, FeedNumber, MemberId, PublicKey, Signature, Span};
use sha2::{Digest as _, Sha256};

use super::happening::Happening;
use super::revisit::{Cause, revisit_everybody};
use super::{Effect, Replica, Work};
use crate::charter::{BadCharter, CharterSignature, Charters, Role, SignedCharter};
use crate::ledger::rows::{CharterRow, CharterSignatureRow, StoredRow as _};
use crate::ledger::{Column, Ledger, LedgerFault, charter_key};

/// How long to wait before the same peer is asked for its charters again.
const FETCH_REST: Span = Span::from_secs(10);

/// Which charter versions somebody says it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CharterClaim {
    /// The newest version that holds for it.
    pub version: u32,
    /// Digest of the hashes of all versions that it knows.
    pub known: Digest,
}

impl CharterClaim {
    /// What a replica with these charters knows.
    pub fn of(charters: &Charters) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"interlock/charters/v1\0");
        for charter in charters.known() {
            hash.update(charter.id().0);
        }
        Self { version: charters.newest().version, known: Digest(hash.finalize().into()) }
    }
}

impl Replica {
    /// A peer says which charters it knows: what it may have and this node not is asked for.
    pub(super) fn compare_charters(
        &mut self,
        from: MemberId,
        claim: Option<CharterClaim>,
        work: &mut Work<'_>,
    ) {
        let own = CharterClaim::of(&self.charters);
        let Some(claim) = claim.filter(|claim| claim.known != own.known) else { return };
        if !self.gossip.may_fetch(from, work.now, FETCH_REST) {
            return;
        }
        let version = match claim.version.cmp(&own.version) {
            Ordering::Greater => own.version,
            // Rivals may stand at any height.
            Ordering::Equal => 1,
            // It is behind and will ask, or it knows a rival that took it back.
            Ordering::Less => claim.version.saturating_add(1),
        };
        work.effects.push(Effect::FetchCharters { from, version });
    }

    /// Charter versions came from another member.
    pub(super) fn charters_came(
        &mut self,
        from: MemberId,
        charters: Vec<SignedCharter>,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        self.gossip.sign_of_life(from, work.now);
        for charter in charters {
            if let Err(error) = self.apply_charter(&charter, work)? {
                self.gossip.refused(from);
                let (code, detail) = (error.code(), error.to_string());
                // It is its own act, whoever wrote the document.
                let feed = FeedId { member: from, number: FeedNumber(0) };
                work.effects.push(Effect::Refuse { peer: from, feed, code, detail });
            }
        }
        Ok(())
    }

    /// Takes a charter version in; says which holds then.
    pub(super) fn apply_charter(
        &mut self,
        signed: &SignedCharter,
        work: &mut Work<'_>,
    ) -> Result<Result<u32, BadCharter>, LedgerFault> {
        let charters = match self.charters.with("charter", signed) {
            Ok(Some(charters)) => charters,
            Ok(None) => return Ok(Ok(self.charters.newest().version)),
            Err(error) => return Ok(Err(error)),
        };
        save(signed, &charters, work);
        let before = std::mem::replace(&mut self.charters, Arc::new(charters));
        self.tell(&before, work);
        if before.newest().id() != self.charters.newest().id() {
            self.gossip.members(self.charters.newest());
            self.caution.amended(self.charters.newest());
            self.judge_all(work)?;
            // Any subject may be decided otherwise by another policy or without some feed.
            self.judge_erasures(work)?;
            revisit_everybody(Cause::Charter, work)?;
            self.take_all_deferred(work)?;
        }
        // Peers see by the claim that there is more.
        self.gossip.announce_soon();
        work.effects.push(Effect::CharterChanged(self.charters.clone()));
        Ok(Ok(self.charters.newest().version))
    }

    fn tell(&self, before: &Charters, work: &mut Work<'_>) {
        let newest = self.charters.newest();
        if before.newest().id() != newest.id() {
            work.events.push(Happening::CharterChanged {
                version: newest.version,
                id: newest.id(),
                from: before.newest().version,
            });
        }
        if let Some(rivals) = self.charters.rivals()
            && before.rivals() != Some(rivals)
        {
            work.events.push(Happening::CharterForked {
                version: rivals.of.saturating_add(1),
                ids: rivals.ids.iter().copied().collect(),
            });
        }
    }

    /// Keeps the versions that came with the configuration.
    pub(super) fn save_charters(&mut self, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        if self.unsaved.is_empty() {
            return Ok(());
        }
        for signed in std::mem::take(&mut self.unsaved) {
            save(&signed, &self.charters, work);
        }
        let newest = self.charters.newest();
        work.events.push(Happening::CharterChanged {
            version: newest.version,
            id: newest.id(),
            from: 1,
        });
        self.judge_all(work)?;
        self.judge_erasures(work)?;
        revisit_everybody(Cause::Charter, work)
    }
}

fn save(signed: &SignedCharter, charters: &Charters, work: &mut Work<'_>) {
    let row = to_row(signed);
    let charter = charters.known().find(|charter| charter.text == signed.document);
    if let Some(charter) = charter {
        work.draft.put(charter_key(charter.version, charter.id()), &row);
    }
}

fn to_row(signed: &SignedCharter) -> CharterRow {
    let signatures = signed.signatures.iter().map(|signature| CharterSignatureRow {
        member: signature.member.to_string(),
        role: signature.role.name().to_owned(),
        key: signature.key.as_bytes().to_vec(),
        signature: signature.signature.0.to_vec(),
    });
    CharterRow { document: signed.document.clone(), signatures: signatures.collect() }
}

impl CharterRow {
    /// The signed version of a row.
    ///
    /// # Errors
    /// [`LedgerFault::Corrupt`].
    pub fn signed(self) -> Result<SignedCharter, LedgerFault> {
        let read = |row: CharterSignatureRow| {
            Some(CharterSignature {
                member: row.member.parse().ok()?,
                role: Role::from_name(&row.role)?,
                key: PublicKey::from_bytes(&row.key).ok()?,
                signature: Signature::from_slice(&row.signature)?,
            })
        };
        let signatures: Option<Vec<_>> = self.signatures.into_iter().map(read).collect();
        let signatures = signatures.ok_or_else(|| corrupt(&"a signature that is none"))?;
        Ok(SignedCharter { document: self.document, signatures })
    }
}

fn corrupt(what: &dyn std::fmt::Display) -> LedgerFault {
    LedgerFault::Corrupt { column: Column::Charters.name(), what: what.to_string() }
}

/// Every signed version that a ledger keeps, from `version` on, lower ones first.
///
/// # Errors
/// [`LedgerFault`].
pub fn signed_charters(
    ledger: &dyn Ledger,
    version: u32,
) -> Result<Vec<SignedCharter>, LedgerFault> {
    let from = charter_key(version, Digest([0; 32]));
    let rows = ledger.range(Column::Charters, &from, &[0xff; 40], usize::MAX)?;
    rows.iter().map(|(_, value)| CharterRow::decode(value)?.signed()).collect()
}

/// The charters that a ledger knows beside the first.
pub(super) fn stored(ledger: &dyn Ledger, first: Charters) -> Result<Charters, LedgerFault> {
    let mut charters = first;
    for signed in signed_charters(ledger, 0)? {
        if let Some(more) = charters.with("charter", &signed).map_err(|error| corrupt(&error))? {
            charters = more;
        }
    }
    Ok(charters)
}
