//! The evidence file: one JSON object a line, read strictly, its references resolved.
//!
//! What is wrong is refused with file and line. What its issuer may not say is inert, and left out.

mod fields;
mod lines;

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{FeedNumber, MemberId, Position, Recall, Time};

use super::{Cure, Dispute, Evidence, Flag, Ground, Hold, Receipt, Resolve, recalls};
use crate::text::FileError;
use lines::{FlagLine, Kind, Line};

/// The longest line of an evidence file, in bytes.
pub const MAX_LINE_BYTES: usize = 64 * 1_024;

/// An evidence file that was read and whose references all lead somewhere.
#[derive(Debug, Clone)]
pub struct EvidenceFile {
    lines: Vec<Line>,
    named: BTreeMap<String, Named>,
}

/// What an id of the file names: the number of its line among [`EvidenceFile::lines`].
#[derive(Debug, Clone, Copy)]
enum Named {
    Flag(usize),
    Cure(usize),
    Dispute,
}

/// Everything the file says of one subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubjectEvidence {
    /// The evidence.
    pub evidence: Evidence,
    /// The ids of its flags, in their order.
    pub flag_ids: Vec<String>,
}

impl EvidenceFile {
    /// Reads an evidence file. `file` is its name, for errors only.
    ///
    /// # Errors
    /// [`FileError`] with line and what was expected, for anything that is not understood.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let at = |number: u32, message: String| FileError {
            file: file.to_owned(),
            line: number,
            message,
        };
        let mut lines = Vec::new();
        let mut named = BTreeMap::new();
        for (number, line) in (1u32..).zip(text.lines()) {
            if line.trim().is_empty() {
                continue;
            }
            let line = lines::line(number, line).map_err(|message| at(number, message))?;
            let name = match &line.kind {
                Kind::Flag(flag) => Some((&flag.id, Named::Flag(lines.len()))),
                Kind::Cure { id, .. } => Some((id, Named::Cure(lines.len()))),
                Kind::Dispute { id, .. } => Some((id, Named::Dispute)),
                _ => None,
            };
            if let Some((id, name)) = name
                && named.insert(id.clone(), name).is_some()
            {
                return Err(at(
                    number,
                    format!("\"id\": expected an id of its own, {id:?} occurs twice"),
                ));
            }
            lines.push(line);
        }
        let read = Self { lines, named };
        read.check_references().map_err(|(number, message)| at(number, message))?;
        Ok(read)
    }

    fn check_references(&self) -> Result<(), (u32, String)> {
        for line in &self.lines {
            let (field, id, cures_too) = match &line.kind {
                Kind::Withdraw { target } => ("target", target, true),
                Kind::Dispute { flag, .. }
                | Kind::Resolve { flag, .. }
                | Kind::Release { flag } => ("flag", flag, false),
                _ => continue,
            };
            let leads = match self.named.get(id) {
                Some(Named::Flag(_)) => true,
                Some(Named::Cure(_)) => cures_too,
                Some(Named::Dispute) | None => false,
            };
            if !leads {
                let expected = if cures_too { "a flag or a cure" } else { "a flag" };
                let message =
                    format!("{field:?}: expected the id of {expected} in this file, got {id:?}");
                return Err((line.number, message));
            }
        }
        Ok(())
    }

    /// Every issuer that the file names.
    pub fn issuers(&self) -> BTreeSet<MemberId> {
        self.lines.iter().map(|line| line.issuer).collect()
    }

    /// The evidence on every subject that the file names, lines of non-members left out.
    pub fn subjects(&self, members: &BTreeSet<MemberId>) -> BTreeMap<String, SubjectEvidence> {
        Assembly::new(self, members).subjects()
    }

    fn flag(&self, id: &str) -> Option<(usize, &FlagLine)> {
        let Some(Named::Flag(index)) = self.named.get(id) else { return None };
        match &self.lines[*index].kind {
            Kind::Flag(flag) => Some((*index, flag)),
            _ => None,
        }
    }
}

/// The file's lines by members, in the order of statements.
struct Assembly<'a> {
    file: &'a EvidenceFile,
    /// Index into the file's lines, and where that line stands.
    ordered: Vec<(usize, Position)>,
    /// Earliest withdrawal of each line, by its index.
    withdrawn: BTreeMap<usize, Time>,
    releases: BTreeMap<usize, Vec<(Time, MemberId)>>,
    recalls: Vec<(Position, &'a Recall)>,
}

impl<'a> Assembly<'a> {
    fn new(file: &'a EvidenceFile, members: &BTreeSet<MemberId>) -> Self {
        let mut ordered: Vec<(usize, Position)> = (0..file.lines.len())
            .filter(|index| members.contains(&file.lines[*index].issuer))
            .map(|index| (index, file.lines[index].position()))
            .collect();
        ordered.sort_unstable_by_key(|(_, position)| *position);
        let mut assembly = Self {
            file,
            ordered,
            withdrawn: BTreeMap::new(),
            releases: BTreeMap::new(),
            recalls: Vec::new(),
        };
        assembly.collect_references();
        assembly
    }

    fn collect_references(&mut self) {
        for (index, position) in &self.ordered {
            let line = &self.file.lines[*index];
            match &line.kind {
                Kind::Withdraw { target } => {
                    let Some(Named::Flag(target) | Named::Cure(target)) =
                        self.file.named.get(target)
                    else {
                        continue;
                    };
                    if self.file.lines[*target].issuer == line.issuer {
                        let at = self.withdrawn.entry(*target).or_insert(line.time);
                        *at = line.time.min(*at);
                    }
                }
                Kind::Recall(recall) => self.recalls.push((*position, recall)),
                Kind::Release { flag } => {
                    if let Some((target, _)) = self.file.flag(flag) {
                        let releases = self.releases.entry(target).or_default();
                        releases.push((line.time, line.issuer));
                    }
                }
                _ => {}
            }
        }
    }

    fn subjects(&self) -> BTreeMap<String, SubjectEvidence> {
        let mut subjects: BTreeMap<String, SubjectEvidence> = BTreeMap::new();
        // Inert lines name subjects too: nothing is known of them, and that is an answer.
        for line in &self.file.lines {
            if let Kind::Flag(FlagLine { subject, .. })
            | Kind::Cure { subject, .. }
            | Kind::Receipt { subject, .. } = &line.kind
            {
                subjects.entry(subject.clone()).or_default();
            }
        }
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, position) in &self.ordered {
            if let Kind::Flag(flag) = &self.file.lines[*index].kind {
                let subject = subjects.entry(flag.subject.clone()).or_default();
                places.insert(&flag.id, subject.flag_ids.len());
                subject.flag_ids.push(flag.id.clone());
                subject.evidence.flags.push(self.flag(*index, *position, flag));
            }
        }
        for (index, position) in &self.ordered {
            self.add(*index, *position, &places, &mut subjects);
        }
        subjects
    }

    fn flag(&self, index: usize, position: Position, flag: &FlagLine) -> Flag {
        let recalled = self.recalls.iter().filter(|(at, recall)| {
            at.member == position.member
                && *at > position
                && recalls(recall, position.time, flag.reason, flag.rule_version.as_deref())
        });
        let withdrawn = self.withdrawn.get(&index).copied();
        Flag {
            position,
            id_type: flag.id_type,
            reason: flag.reason,
            severity: flag.severity,
            confidence: flag.confidence,
            applied_measure: flag.applied_measure,
            observed_at: flag.observed_at,
            expires_at: flag.expires_at,
            origin: flag.origin,
            hold: if flag.held {
                Hold::Held(self.releases.get(&index).cloned().unwrap_or_default())
            } else {
                Hold::Free
            },
            withdrawn_at: recalled.map(|(at, _)| at.time).chain(withdrawn).min(),
        }
    }

    /// Adds a line other than a flag's to its subject's evidence.
    fn add(
        &self,
        index: usize,
        position: Position,
        places: &BTreeMap<&str, usize>,
        subjects: &mut BTreeMap<String, SubjectEvidence>,
    ) {
        match &self.file.lines[index].kind {
            Kind::Dispute { flag, .. } => {
                let Some((line, flag)) = self.file.flag(flag) else { return };
                let issuer = self.file.lines[line].issuer;
                let dispute = Dispute { position, issuer, reason: flag.reason };
                subjects.entry(flag.subject.clone()).or_default().evidence.disputes.push(dispute);
            }
            Kind::Resolve { flag, outcome } => {
                let Some((line, flag)) = self.file.flag(flag) else { return };
                if self.file.lines[line].issuer == position.member {
                    let resolve = Resolve { position, reason: flag.reason, outcome: *outcome };
                    let subject = subjects.entry(flag.subject.clone()).or_default();
                    subject.evidence.resolves.push(resolve);
                }
            }
            Kind::Cure { subject, kind, .. } => {
                let withdrawn_at = self.withdrawn.get(&index).copied();
                let cure = Cure { position, kind: *kind, withdrawn_at };
                subjects.entry(subject.clone()).or_default().evidence.cures.push(cure);
            }
            Kind::Receipt { subject, measure, caused_by } => {
                let of_subject = |id: &String| {
                    let (_, flag) = self.file.flag(id)?;
                    (flag.subject == *subject).then(|| places.get(id.as_str()).copied())?
                };
                let ground = if caused_by.is_empty() {
                    Ground::Unnamed
                } else {
                    Ground::Flags(caused_by.iter().filter_map(of_subject).collect())
                };
                let receipt = Receipt { position, measure: *measure, ground };
                subjects.entry(subject.clone()).or_default().evidence.receipts.push(receipt);
            }
            Kind::Flag(_) | Kind::Withdraw { .. } | Kind::Recall(_) | Kind::Release { .. } => {}
        }
    }
}

impl Line {
    /// Where issuer and time are equal, the order of lines is the feed's.
    fn position(&self) -> Position {
        Position {
            time: self.time,
            member: self.issuer,
            feed: FeedNumber(1),
            sequence: u64::from(self.number),
            index: 0,
        }
    }
}

#[cfg(test)]
mod tests;
