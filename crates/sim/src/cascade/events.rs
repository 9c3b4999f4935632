//! What happened in a run, one JSON object a line: statements, decisions and what platforms did.
//! Borrower by borrower, each in order of time.

use std::fmt::Write as _;

use interlock_record::{Statement, Time};

use super::plan::{Act, Plan, Rightness};
use super::stories::Stories;
use super::world::World;

/// The most lines of a log; what comes after them is counted only.
pub const MAX_LOGGED_LINES: u64 = 2_000_000;

/// What happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// The lines, each with its end.
    pub text: String,
    /// How many they are.
    pub lines: u64,
    /// How many more there would have been.
    pub left_out: u64,
}

impl Log {
    /// Adds what happened to other borrowers.
    pub(super) fn append(&mut self, other: &Self) {
        self.left_out += other.left_out;
        if self.lines + other.lines <= MAX_LOGGED_LINES {
            self.text.push_str(&other.text);
            self.lines += other.lines;
        } else {
            self.left_out += other.lines;
        }
    }

    /// Adds what happened to a borrower.
    pub(super) fn borrower(&mut self, world: &World<'_>, plan: &Plan, stories: &Stories) {
        let mut lines: Vec<(Time, String)> = plan
            .acts
            .iter()
            .map(|act| (act.placed.position.time, said(world, plan, act)))
            .collect();
        let borrower = plan.borrower;
        for (first, count, changes) in &stories.decisions {
            let first = world.members[*first as usize];
            for change in changes {
                let (at, measure) = (change.at, change.measure);
                lines.push((at, format!(
                    r#"{{"time":"{at}","borrower":{borrower},"what":"decided","first":"{first}","platforms":{count},"measure":"{measure}"}}"#
                )));
            }
        }
        for story in &stories.platforms {
            let platform = world.members[story.platform as usize];
            for change in &story.done {
                let (at, measure) = (change.at, change.measure);
                let deserves = plan.deserves(at);
                lines.push((at, format!(
                    r#"{{"time":"{at}","borrower":{borrower},"what":"did","platform":"{platform}","measure":"{measure}","deserves":"{deserves}"}}"#
                )));
            }
        }
        for draw in &plan.draws {
            let (at, amount) = (draw.at, draw.amount);
            let platform = world.members[draw.platform as usize];
            lines.push((at, format!(
                r#"{{"time":"{at}","borrower":{borrower},"what":"draws","platform":"{platform}","amount":{amount}}}"#
            )));
        }
        // Stable: what happens at one instant keeps the order in which it is listed above.
        lines.sort_by_key(|(at, _)| *at);
        for (_, line) in lines {
            if self.lines >= MAX_LOGGED_LINES {
                self.left_out += 1;
                continue;
            }
            self.lines += 1;
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }
}

fn said(world: &World<'_>, plan: &Plan, act: &Act) -> String {
    let position = act.placed.position;
    let ordinal = |id: &interlock_record::StatementId| {
        u32::from_be_bytes([id.0[28], id.0[29], id.0[30], id.0[31]])
    };
    let mut line = format!(
        r#"{{"time":"{}","borrower":{},"what":"{}","platform":"{}","statement":{}"#,
        position.time,
        plan.borrower,
        act.placed.statement.kind(),
        position.member,
        ordinal(&act.placed.id),
    );
    let more = match &act.placed.statement {
        Statement::Flag(flag) => {
            let truth = act.flag;
            let cause = truth.map_or("", |truth| &world.scenario.causes[truth.cause as usize].name);
            let mistaken = truth.is_some_and(|truth| truth.rightness == Rightness::Mistaken);
            let derived = flag.derived_from.first().map(&ordinal);
            let mut more = format!(
                r#","cause":"{cause}","mistaken":{mistaken},"held":{},"reason":"{}","severity":"{}","confidence":{},"applied":"{}""#,
                act.placed.held, flag.reason, flag.severity, flag.confidence, flag.applied_measure
            );
            if let Some(source) = derived {
                write!(more, r#","derived_from":{source}"#)
                    .expect("writing to a string cannot fail");
            }
            more
        }
        Statement::Withdraw(withdraw) => {
            format!(r#","target":{},"cause":"{}""#, ordinal(&withdraw.statement), withdraw.cause)
        }
        Statement::Recall(recall) => format!(r#","cause":"{}""#, recall.cause),
        Statement::Dispute(dispute) => format!(r#","target":{}"#, ordinal(&dispute.flag)),
        Statement::Resolve(resolve) => {
            format!(r#","target":{},"outcome":"{}""#, ordinal(&resolve.flag), resolve.outcome)
        }
        Statement::Cure(cure) => format!(r#","cure":"{}""#, cure.kind),
        Statement::Release(release) => {
            format!(r#","of":"{}","sequence":{}"#, release.feed.member, release.sequence)
        }
        Statement::Receipt(_) | Statement::Seen(_) | Statement::Erase(_) => String::new(),
    };
    line.push_str(&more);
    line.push('}');
    line
}
