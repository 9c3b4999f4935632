//! Real card accounts as a scenario: months overdue become flags, payment becomes a cure.
//!
//! The input is a table of accounts with monthly states, as in the UCI data set "default of credit
//! card clients" (I-Cheng Yeh, 2009, CC BY 4.0): -2 no use, -1 paid in full, 0 revolving, 1 to 8
//! months overdue, and a last column that says whether the account defaulted in the month after.
//! Who lends to whom is not in the data. It is assigned by the seed: one to three lenders each; an
//! account's state is seen by its first lender in that month, by the second a week later if it is
//! at least two months overdue, and by the third a week after that if it is at least three.

use interlock_record::{Measure, Reason, Severity, Span, Time};

use crate::dice::Dice;
use crate::events::{Op, PlayedEvent, Said};

/// A line of the table that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BadTable {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what was expected.
    pub what: String,
}

/// How many lenders an account's owner has.
const LENDERS: [(u64, u64); 3] = [(1, 50), (2, 35), (3, 15)];
/// The columns before the months: borrower and limit.
const BEFORE_MONTHS: usize = 2;

/// The events of a table of accounts, in no particular order.
///
/// # Errors
/// [`BadTable`] for a line that is not understood.
pub fn events(table: &str, lenders: &[String], seed: u64) -> Result<Vec<PlayedEvent>, BadTable> {
    let mut lines = table.lines().enumerate().map(|(index, line)| (index + 1, line));
    let (_, header) =
        lines.next().ok_or(BadTable { line: 1, what: "expected a header, got nothing".into() })?;
    let months = months(header)?;
    let mut dice = Dice::new(seed);
    let mut events = Vec::new();
    for (line, text) in lines {
        let account = account(line, text, months.len())?;
        play(&account, &months, lenders, &mut dice, &mut events);
    }
    Ok(events)
}

/// The first instant of each month that the header names.
fn months(header: &str) -> Result<Vec<Time>, BadTable> {
    let bad = |what: String| BadTable { line: 1, what };
    let columns: Vec<&str> = header.split(',').collect();
    let named = columns.first() == Some(&"borrower") && columns.get(1) == Some(&"limit");
    let last = columns.last().is_some_and(|name| name.starts_with("default_"));
    if !named || !last || columns.len() <= BEFORE_MONTHS + 1 {
        return Err(bad("expected borrower,limit,YYYY-MM,...,default_YYYY-MM".into()));
    }
    columns[BEFORE_MONTHS..columns.len() - 1]
        .iter()
        .map(|month| {
            format!("{month}-01T00:00:00Z")
                .parse()
                .map_err(|_| bad(format!("expected a month like 2005-04, got {month:?}")))
        })
        .collect()
}

struct Account<'a> {
    borrower: &'a str,
    states: Vec<i64>,
}

fn account(line: usize, text: &str, months: usize) -> Result<Account<'_>, BadTable> {
    let bad = |what: String| BadTable { line, what };
    let columns: Vec<&str> = text.split(',').collect();
    if columns.len() != BEFORE_MONTHS + months + 1 {
        let expected = BEFORE_MONTHS + months + 1;
        return Err(bad(format!("expected {expected} columns, got {}", columns.len())));
    }
    let states = columns[BEFORE_MONTHS..BEFORE_MONTHS + months]
        .iter()
        .map(|state| {
            let number = state.parse().ok().filter(|state| (-2..=8).contains(state));
            number.ok_or_else(|| bad(format!("expected a state from -2 to 8, got {state:?}")))
        })
        .collect::<Result<_, _>>()?;
    Ok(Account { borrower: columns[0], states })
}

fn play(
    account: &Account<'_>,
    months: &[Time],
    lenders: &[String],
    dice: &mut Dice,
    events: &mut Vec<PlayedEvent>,
) {
    let all = lenders.len() as u64;
    let first = dice.below(all);
    let count = dice.weighted(&LENDERS).min(all);
    let mut flagged = vec![false; lenders.len()];
    for (month, state) in months.iter().zip(&account.states) {
        for place in 0..count {
            let lender = usize::try_from((first + place) % all).unwrap_or(0);
            let moment = Span::from_secs(
                u32::try_from(place * 7 * 86_400 + dice.below(86_400)).unwrap_or(0),
            );
            let time = month.plus(moment);
            let sees_it = *state > i64::try_from(place).unwrap_or(0);
            let (op, flag) = match (sees_it, flagged[lender]) {
                (true, _) => (Op::Add, Some(said(*state))),
                (false, true) if *state <= 0 => (Op::Repay, None),
                (false, _) => continue,
            };
            flagged[lender] = op == Op::Add;
            events.push(PlayedEvent {
                time,
                issuer: lenders[lender].clone(),
                op,
                subject: format!("account-{}", account.borrower),
                flag,
            });
        }
    }
}

/// What so many months overdue are called.
fn said(months: i64) -> Said {
    let (severity, measure) = match months {
        ..=1 => (Severity::Low, Measure::Observe),
        2 => (Severity::Medium, Measure::ReduceLimit),
        3 => (Severity::High, Measure::Freeze),
        _ => (Severity::Critical, Measure::Lock),
    };
    Said { reason: Reason::Overdue, severity, confidence: 100, measure }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "borrower,limit,2005-04,2005-05,default_2005-06";

    fn lenders() -> Vec<String> {
        vec!["a".into(), "b".into()]
    }

    #[test]
    fn months_overdue_are_flags_and_payment_is_a_cure() {
        let events =
            events(&format!("{HEADER}\n1,20000,4,-1,1\n2,1,0,0,0\n"), &lenders(), 1).expect("good");
        let first: Vec<(Op, bool)> = events.iter().map(|e| (e.op, e.flag.is_some())).collect();
        assert!(
            first.contains(&(Op::Add, true)) && first.contains(&(Op::Repay, false)),
            "{first:?}"
        );
        assert!(events.iter().all(|event| event.subject == "account-1"));
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (table, line, what) in [
            ("", 1, "expected a header"),
            ("a,b\n", 1, "expected borrower"),
            ("borrower,limit,x,default_1\n", 1, "expected a month"),
            (&format!("{HEADER}\n1,2,0\n"), 2, "expected 5 columns, got 3"),
            (
                &format!("{HEADER}\n1,2,0,0,0\n1,2,9,0,0\n"),
                3,
                "expected a state from -2 to 8, got \"9\"",
            ),
        ] {
            let error = events(table, &lenders(), 1).expect_err(table);
            assert_eq!(error.line, line, "{table}");
            assert!(error.what.contains(what), "{error}");
        }
    }
}
