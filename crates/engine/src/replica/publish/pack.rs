//! Packing: statements of several callers into as few records as they fit.

use interlock_record::{MAX_BODY_BYTES, MAX_STATEMENTS};

use super::{Request, Salted};

/// Statements of several callers, in the order in which they came.
#[derive(Default)]
pub(in crate::replica) struct Pack {
    pub statements: Vec<Salted>,
    pub callers: Vec<Caller>,
}

/// Who asked for how many of them.
#[derive(Debug)]
pub(in crate::replica) struct Caller {
    pub ticket: u64,
    pub statements: usize,
    pub request: Option<Request>,
}

impl Pack {
    pub(super) fn names(&self, request: &Request) -> bool {
        let same = |other: &Request| other.key == request.key;
        self.callers.iter().any(|caller| caller.request.as_ref().is_some_and(same))
    }

    /// Callers are not parted over records where that can be helped: a pack is one record, unless
    /// one caller alone needs more.
    pub(super) fn has_room_for(&self, statements: &[Salted]) -> bool {
        let bytes: usize = self.statements.iter().chain(statements).map(size).sum();
        self.statements.is_empty()
            || (self.statements.len() + statements.len() <= MAX_STATEMENTS
                && bytes <= MAX_BODY_BYTES)
    }

    pub(super) fn push(&mut self, ticket: u64, statements: Vec<Salted>, request: Option<Request>) {
        self.callers.push(Caller { ticket, statements: statements.len(), request });
        self.statements.extend(statements);
    }
}

fn size((salt, statement): &Salted) -> usize {
    salt.len() + statement.len()
}

/// Statements, cut into bodies that fit a record.
pub(in crate::replica) fn bodies(statements: Vec<Salted>) -> Vec<Vec<Salted>> {
    let mut bodies: Vec<Vec<Salted>> = Vec::new();
    let mut bytes = 0;
    for statement in statements {
        let more = size(&statement);
        match bodies.last_mut() {
            Some(body) if body.len() < MAX_STATEMENTS && bytes + more <= MAX_BODY_BYTES => {
                bytes += more;
                body.push(statement);
            }
            _ => {
                bytes = more;
                bodies.push(vec![statement]);
            }
        }
    }
    bodies
}
