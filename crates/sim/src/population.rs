//! A made-up population of borrowers and lenders, and what lenders come to say about them.
//!
//! Each borrower has one to five lenders and is of one kind:
//!
//! | kind | per mille | what happens |
//! | --- | --- | --- |
//! | steady | 800 | nothing, or one instalment forgotten: a LOW flag by one lender, paid within weeks |
//! | strained | 120 | overdue at one lender after another, graver each month; two in three catch up |
//! | stacking | 50 | loans everywhere within days: each lender sees it and flags it |
//! | fraud | 20 | two to four lenders find it out within a week |
//! | mistaken | 10 | one lender's error: a grave flag, withdrawn after days |
//!
//! The shares are chosen to show every kind in a small population; they are nobody's statistics.

use interlock_record::{Measure, Reason, Severity, Span, Time};

use crate::dice::Dice;
use crate::events::{Op, PlayedEvent, Said};

/// What population to make.
#[derive(Debug, Clone)]
pub struct Population {
    /// The same seed gives the same events.
    pub seed: u64,
    /// How many borrowers.
    pub borrowers: u32,
    /// The lenders' ids.
    pub lenders: Vec<String>,
    /// When it begins; it goes on for about half a year.
    pub start: Time,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Steady,
    Strained,
    Stacking,
    Fraud,
    Mistaken,
}

const KINDS: [(Kind, u64); 5] = [
    (Kind::Steady, 800),
    (Kind::Strained, 120),
    (Kind::Stacking, 50),
    (Kind::Fraud, 20),
    (Kind::Mistaken, 10),
];
/// How many lenders a borrower has.
const LENDERS: [(u64, u64); 5] = [(1, 45), (2, 25), (3, 15), (4, 10), (5, 5)];
const DAY_MICROS: i64 = 86_400_000_000;

/// The events of a population, in no particular order.
pub fn events(population: &Population) -> Vec<PlayedEvent> {
    let mut dice = Dice::new(population.seed);
    let mut events = Vec::new();
    for number in 0..population.borrowers {
        let mut story = Story::new(population, number, &mut dice);
        match dice.weighted(&KINDS) {
            Kind::Steady => story.steady(&mut dice),
            Kind::Strained => story.strained(&mut dice),
            Kind::Stacking => story.stacking(&mut dice),
            Kind::Fraud => story.fraud(&mut dice),
            Kind::Mistaken => story.mistaken(&mut dice),
        }
        events.append(&mut story.events);
    }
    events
}

/// What happens to one borrower.
struct Story<'a> {
    population: &'a Population,
    subject: String,
    lenders: Vec<usize>,
    /// Its first day, counted from the population's.
    first_day: u64,
    events: Vec<PlayedEvent>,
}

impl<'a> Story<'a> {
    fn new(population: &'a Population, number: u32, dice: &mut Dice) -> Self {
        let all = population.lenders.len() as u64;
        let wanted = dice.weighted(&LENDERS).min(all);
        let mut lenders: Vec<usize> = Vec::new();
        while (lenders.len() as u64) < wanted {
            let lender = usize::try_from(dice.below(all)).unwrap_or(0);
            if !lenders.contains(&lender) {
                lenders.push(lender);
            }
        }
        let subject = format!("borrower-{number:06}");
        Self { population, subject, lenders, first_day: dice.below(60), events: Vec::new() }
    }

    /// An instant on a day of the story, at some moment of that day.
    fn on(&self, day: u64, dice: &mut Dice) -> Time {
        let day = i64::try_from(self.first_day + day).unwrap_or(0);
        let moment = i64::try_from(dice.below(86_400)).unwrap_or(0) * 1_000_000;
        let span = Span::from_micros(day * DAY_MICROS + moment).unwrap_or(Span::MAX);
        self.population.start.plus(span)
    }

    fn put(&mut self, lender: usize, op: Op, time: Time, flag: Option<Said>) {
        let issuer = self.population.lenders[lender].clone();
        let subject = self.subject.clone();
        self.events.push(PlayedEvent { time, issuer, op, subject, flag });
    }

    fn flag(&mut self, lender: usize, time: Time, said: (Reason, Severity, u8, Measure)) {
        let (reason, severity, confidence, measure) = said;
        self.put(lender, Op::Add, time, Some(Said { reason, severity, confidence, measure }));
    }

    fn steady(&mut self, dice: &mut Dice) {
        if dice.permille(100) {
            let lender = self.lenders[0];
            let late = self.on(0, dice);
            self.flag(lender, late, (Reason::Overdue, Severity::Low, 100, Measure::Observe));
            let paid = 3 + dice.below(25);
            let paid = self.on(paid, dice);
            self.put(lender, Op::Repay, paid, None);
        }
    }

    fn strained(&mut self, dice: &mut Dice) {
        let catches_up = dice.permille(667);
        for (late, lender) in (0..).zip(self.lenders.clone()) {
            let months = 1 + dice.below(4);
            let grades = [
                (Severity::Low, Measure::Observe),
                (Severity::Medium, Measure::ReduceLimit),
                (Severity::High, Measure::Freeze),
                (Severity::Critical, Measure::Lock),
            ];
            for (month, (severity, measure)) in (0..months).zip(grades) {
                let time = self.on(late * 20 + month * 30, dice);
                self.flag(lender, time, (Reason::Overdue, severity, 100, measure));
            }
            if catches_up {
                let paid = self.on(late * 20 + months * 30 + dice.below(20), dice);
                self.put(lender, Op::Repay, paid, None);
            }
        }
    }

    fn stacking(&mut self, dice: &mut Dice) {
        for lender in self.lenders.clone() {
            let day = dice.below(4);
            let time = self.on(day, dice);
            let severity =
                if self.lenders.len() > 2 { Severity::Critical } else { Severity::Medium };
            let confidence = 70 + u8::try_from(dice.below(31)).unwrap_or(0);
            let said = (Reason::MultiPlatformBorrowing, severity, confidence, Measure::Lock);
            self.flag(lender, time, said);
        }
    }

    fn fraud(&mut self, dice: &mut Dice) {
        let all = self.population.lenders.len() as u64;
        let finders = (2 + dice.below(3)).min(all);
        let first = dice.below(all);
        for finder in 0..finders {
            let lender = usize::try_from((first + finder) % all).unwrap_or(0);
            let day = dice.below(7);
            let time = self.on(day, dice);
            let confidence = 80 + u8::try_from(dice.below(21)).unwrap_or(0);
            self.flag(
                lender,
                time,
                (Reason::FraudSuspected, Severity::High, confidence, Measure::Lock),
            );
        }
    }

    fn mistaken(&mut self, dice: &mut Dice) {
        let lender = self.lenders[0];
        let time = self.on(0, dice);
        self.flag(lender, time, (Reason::FraudSuspected, Severity::Critical, 90, Measure::Lock));
        let day = 1 + dice.below(10);
        let noticed = self.on(day, dice);
        self.put(lender, Op::Del, noticed, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::to_csv;

    fn small(seed: u64) -> Population {
        Population {
            seed,
            borrowers: 500,
            lenders: (1..=5).map(|n| format!("lender-{n}")).collect(),
            start: "2026-01-01T00:00:00Z".parse().expect("a time"),
        }
    }

    #[test]
    fn a_seed_always_gives_the_same_population() {
        assert_eq!(to_csv(events(&small(7))), to_csv(events(&small(7))));
        assert_ne!(to_csv(events(&small(7))), to_csv(events(&small(8))));
    }

    #[test]
    fn every_withdrawal_and_payment_follows_a_flag_of_its_lender() {
        let mut all = events(&small(7));
        all.sort_by_key(|event| event.time);
        assert!(all.iter().any(|event| event.op == Op::Del));
        assert!(all.iter().any(|event| event.op == Op::Repay));
        for (index, event) in all.iter().enumerate().filter(|(_, event)| event.op != Op::Add) {
            let earlier = all[..index].iter().any(|flag| {
                flag.op == Op::Add && flag.issuer == event.issuer && flag.subject == event.subject
            });
            assert!(earlier, "{event}");
        }
    }
}
