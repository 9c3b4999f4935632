//! Made-up members: what each finds by itself, what happens to several at once, and who copies.

use std::collections::BTreeMap;

use interlock_record::Time;
use interlock_sim::dice::Dice;
use interlock_sim::independence::Observed;

pub(crate) const MINUTE: i64 = 60_000_000;
pub(crate) const DAY: i64 = 1_440 * MINUTE;

/// A member that copies nobody.
#[derive(Debug, Clone)]
pub(crate) struct Traits {
    /// Subjects that it alone finds.
    pub own: u64,
    /// Of the frauds that many can see, how many in a thousand it sees.
    pub sees: u64,
    /// After how many days it finds out, on average.
    pub delay_days: f64,
    /// On which day it joins; with a list of all it found before, then.
    pub joins: i64,
    /// It sees frauds of this kind only; 0: of the kind that most see.
    pub kind: u64,
}

/// A member that copies another.
#[derive(Debug, Clone)]
pub(crate) struct Copier {
    pub who: usize,
    pub source: usize,
    /// How many flags it raises in all, copied ones included.
    pub flags: usize,
    /// How many in a hundred of them are copies.
    pub faithful: usize,
    /// After how long it copies: half that to twice that.
    pub lag: i64,
    /// How often it looks at the source: it copies at multiples of that only.
    pub every: i64,
}

/// A consortium of made-up members.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub days: i64,
    /// Frauds that many can see, of each kind.
    pub frauds: Vec<u64>,
    /// How many waves they come in; 0: they come evenly.
    pub waves: u64,
    pub members: Vec<Traits>,
    pub copiers: Vec<Copier>,
}

type Flags = BTreeMap<u64, i64>;

impl World {
    /// Who flags whom when.
    pub(crate) fn observed(&self, seed: u64) -> Observed {
        let mut dice = Dice::new(seed);
        let mut flags = self.found(&mut dice);
        for copier in &self.copiers {
            let own =
                pick(&flags[copier.who], copier.flags * (100 - copier.faithful) / 100, &mut dice);
            let seen = &flags[copier.source];
            let copied = pick(seen, copier.flags * copier.faithful / 100, &mut dice);
            let mut all = own;
            for (subject, at) in copied {
                let lag = copier.lag / 2 + dice.below(copier.lag as u64 * 3 / 2) as i64;
                let at = (at + lag).div_euclid(copier.every) * copier.every + copier.every;
                all.entry(subject).and_modify(|own| *own = at.min(*own)).or_insert(at);
            }
            flags[copier.who] = all;
        }
        let mut observed = Observed::default();
        for (number, flags) in flags.iter().enumerate() {
            for (subject, at) in flags {
                let at = Time::from_micros(*at).expect("in range");
                observed.flag(&format!("m{number}"), &subject.to_be_bytes(), at, 1);
            }
        }
        observed
    }

    /// What each finds by itself.
    fn found(&self, dice: &mut Dice) -> Vec<Flags> {
        let mut flags = vec![Flags::new(); self.members.len()];
        let mut subject = 0;
        let find = |member: usize, subject: u64, at: i64, flags: &mut Vec<Flags>| {
            // What it found before it joined comes with a list when it joins.
            let at = at.max(self.members[member].joins * DAY);
            if at <= self.days * DAY {
                flags[member].insert(subject, at);
            }
        };
        for (member, traits) in self.members.iter().enumerate() {
            for _ in 0..traits.own {
                subject += 1;
                find(member, subject, self.instant(dice), &mut flags);
            }
        }
        for (kind, frauds) in self.frauds.iter().enumerate() {
            for _ in 0..*frauds {
                subject += 1;
                let at = self.instant(dice);
                // Some subjects are everywhere, most hardly anywhere.
                let popular = dice.weighted(&[(600, 80), (1_500, 15), (4_000, 5)]);
                for (member, traits) in self.members.iter().enumerate() {
                    let sees = (traits.sees * popular / 1_000).min(970);
                    if traits.kind == kind as u64 && dice.permille(sees) {
                        let delay = -traits.delay_days * unit(dice).ln();
                        find(member, subject, at + (delay * DAY as f64) as i64, &mut flags);
                    }
                }
            }
        }
        flags
    }

    fn instant(&self, dice: &mut Dice) -> i64 {
        let whole = (self.days * DAY) as u64;
        match self.waves {
            0 => dice.below(whole) as i64,
            waves => {
                let wave = dice.below(waves);
                (wave * (whole / waves)) as i64 + dice.below(10 * DAY as u64) as i64
            }
        }
    }
}

/// Above 0 and at most 1, evenly.
fn unit(dice: &mut Dice) -> f64 {
    (dice.below(1 << 30) + 1) as f64 / (1u64 << 30) as f64
}

/// So many of them at random, all if there are fewer.
fn pick(flags: &Flags, count: usize, dice: &mut Dice) -> Flags {
    let mut all: Vec<(u64, i64)> = flags.iter().map(|(subject, at)| (*subject, *at)).collect();
    for last in (1..all.len()).rev() {
        all.swap(last, dice.below(last as u64 + 1) as usize);
    }
    all.into_iter().take(count).collect()
}

/// Members of different size and speed who see some of the same frauds.
pub(crate) fn independent(seed: u64, sees: (u64, u64)) -> World {
    let mut dice = Dice::new(seed ^ 0xd1ce);
    let members = (0..10)
        .map(|_| Traits {
            own: dice.weighted(&[(60, 1), (150, 1), (400, 1), (1_000, 1)]),
            sees: sees.0 + dice.below(sees.1 - sees.0),
            delay_days: 0.5 + dice.below(100) as f64 / 10.0,
            joins: 0,
            kind: 0,
        })
        .collect();
    World { days: 365, frauds: vec![800], waves: 0, members, copiers: Vec::new() }
}
