//! Records whose signature and body have been checked. Only [`verify`] and [`seal`] make them, and
//! [`VerifiedRecord::from_trusted_store`] from what one of the two made.
//!
//! [`seal`]: crate::seal()

use crate::{
    ConsortiumId, Digest, Domain, Entry, Header, Inert, Position, PublicKey, RecordError, RecordId,
    Signature, SignedRecord, Statement, StatementId, peek_header, record_id, root_of_leaves,
    statement_id,
};

/// A record that its feed's key signed, with the body that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRecord {
    id: RecordId,
    header: Header,
    signed: SignedRecord,
}

/// Checks a record: its header, signature and body. Never looks into statements, and not at the
/// chain, which is [`FeedHead::next`](crate::FeedHead::next).
///
/// # Errors
/// When anything is wrong; every node finds the same.
pub fn verify(
    record: SignedRecord,
    consortium: &ConsortiumId,
    key: &PublicKey,
) -> Result<VerifiedRecord, RecordError> {
    let header = peek_header(&record)?;
    check_statement_count(&header, &record)?;
    record.check_body_limits()?;
    let header = verify_header(&record.header, &record.signature, consortium, key)?;
    if body_root(&record.body) != header.body_root {
        return Err(RecordError::WrongBodyRoot);
    }
    Ok(VerifiedRecord { id: record_id(&record.header), header, signed: record })
}

/// Checks a header alone: its form, its consortium and its signature.
///
/// # Errors
/// [`RecordError`] with the first thing that is wrong.
pub fn verify_header(
    header: &[u8],
    signature: &Signature,
    consortium: &ConsortiumId,
    key: &PublicKey,
) -> Result<Header, RecordError> {
    let read = Header::decode(header)?;
    if read.consortium != *consortium {
        return Err(RecordError::WrongConsortium);
    }
    key.verify(Domain::Record, header, signature).map_err(|_| RecordError::BadSignature)?;
    Ok(read)
}

/// The root of the tree over a body's entries.
pub(crate) fn body_root(body: &[Entry]) -> Digest {
    let leaves: Vec<Digest> = body.iter().map(Entry::leaf).collect();
    root_of_leaves(&leaves)
}

fn check_statement_count(header: &Header, record: &SignedRecord) -> Result<(), RecordError> {
    let got = record.body.len();
    if u32::try_from(got) == Ok(header.statements) {
        Ok(())
    } else {
        Err(RecordError::WrongStatementCount { expected: header.statements, got })
    }
}

impl VerifiedRecord {
    /// A record that `seal` has just signed.
    pub(crate) fn sealed(header: Header, signed: SignedRecord) -> Self {
        Self { id: record_id(&signed.header), header, signed }
    }

    /// A record read back from the node's own store, without checking signature and body again.
    /// Only for bytes that were verified before they were written (and possibly erased since).
    ///
    /// # Errors
    /// When the bytes are so damaged that the header or the number of entries shows it.
    pub fn from_trusted_store(record: SignedRecord) -> Result<Self, RecordError> {
        let header = peek_header(&record)?;
        check_statement_count(&header, &record)?;
        Ok(Self { id: record_id(&record.header), header, signed: record })
    }

    /// The record's id.
    pub const fn id(&self) -> RecordId {
        self.id
    }

    /// What the header says.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The record as it was sent.
    pub const fn signed(&self) -> &SignedRecord {
        &self.signed
    }

    /// The record as it was sent.
    pub fn into_signed(self) -> SignedRecord {
        self.signed
    }

    /// Where the statement at `index` stands in the order of statements.
    pub const fn position(&self, index: u32) -> Position {
        Position {
            time: self.header.time,
            member: self.header.feed.member,
            feed: self.header.feed.number,
            sequence: self.header.sequence,
            index,
        }
    }

    /// Erases the statement at `index`: salt and bytes go, the leaf hash stays. Nothing happens
    /// where there is none or it is erased already.
    pub fn erase(&mut self, index: u32) {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if let Some(entry) = self.signed.body.get_mut(index) {
            entry.erase();
        }
    }

    /// All statements in order, each with its index and id, and with what it says under these
    /// rules of the charter or why it means nothing.
    pub fn statements(
        &self,
        rules: u32,
    ) -> impl Iterator<Item = (u32, StatementId, Result<Statement, Inert>)> + '_ {
        let count_is_right = self.flag_count_is_right();
        (0..).zip(&self.signed.body).map(move |(index, entry)| {
            let said = match entry {
                _ if !count_is_right => Err(Inert::WrongFlagCount),
                Entry::Kept { statement, .. } => {
                    Statement::decode(statement, rules, self.header.time)
                }
                Entry::Erased { .. } => Err(Inert::Erased),
            };
            (index, statement_id(&self.id, index), said)
        })
    }

    /// Whether the header's count of flags can be right: any erased statement may have been one.
    fn flag_count_is_right(&self) -> bool {
        let body = &self.signed.body;
        let visible = body
            .iter()
            .filter_map(Entry::statement)
            .filter(|b| Statement::is_flag_bytes(b))
            .count();
        let erased = body.iter().filter(|entry| entry.statement().is_none()).count();
        (visible..=visible + erased)
            .contains(&usize::try_from(self.header.flags).unwrap_or(usize::MAX))
    }
}
