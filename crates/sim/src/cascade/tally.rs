//! What a run came to: counts, lags and locks over time, added up over borrowers in their order.

use interlock_record::{Measure, Span, Statement, Time};

use super::hands::{Change, measure_at};
use super::plan::{Plan, Rightness};
use super::scenario::Scenario;
use super::stories::{Stories, Story, gravest};

/// Micros of a day.
pub(super) const DAY_MICROS: i64 = 86_400_000_000;
/// The least span of time.
const ONE_MICRO: Span = match Span::from_micros(1) {
    Some(span) => span,
    None => Span::ZERO,
};
/// How many measures there are, `NONE` included.
const MEASURES: usize = Measure::ALL.len();

macro_rules! tally {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// What a run came to.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Tally {
            $($(#[$doc])* pub $name: u64,)+
            /// Borrowers by the gravest measure that any platform put in force.
            pub gravest: [u64; MEASURES],
            /// Time of all locks in force that were not deserved, platform by platform, in µs.
            pub wrongful_micros: u128,
            /// The same, each borrower counted once however many platforms locked it.
            pub wrongful_person_micros: u128,
            /// Of each borrower that was flagged by mistake: the greatest share of platforms that
            /// locked it at once without its deserving it, in a million.
            pub shares_ppm: Vec<u64>,
            /// From the first flag until a deserved lock was collective, in µs.
            pub collective_true: Vec<u64>,
            /// From the first flag until a lock that was not deserved was collective, in µs.
            pub collective_wrongful: Vec<u64>,
            /// From when the last mistaken flag was taken back until no platform had a lock that was
            /// not deserved, in µs.
            pub reopened: Vec<u64>,
            /// Deserved locks in force at the end of each day, less those of the day before.
            pub daily_true: Vec<i64>,
            /// Locks in force that were not deserved at the end of each day, less those of the day before.
            pub daily_wrongful: Vec<i64>,
        }

        impl Tally {
            /// Adds what other borrowers came to; they come after those that are in here.
            pub(super) fn add(&mut self, other: Self) {
                $(self.$name += other.$name;)+
                for (sum, more) in self.gravest.iter_mut().zip(other.gravest) {
                    *sum += more;
                }
                self.wrongful_micros += other.wrongful_micros;
                self.wrongful_person_micros += other.wrongful_person_micros;
                self.shares_ppm.extend(other.shares_ppm);
                self.collective_true.extend(other.collective_true);
                self.collective_wrongful.extend(other.collective_wrongful);
                self.reopened.extend(other.reopened);
                add_daily(&mut self.daily_true, other.daily_true);
                add_daily(&mut self.daily_wrongful, other.daily_wrongful);
            }
        }
    };
}

tally! {
    /// Borrowers that anybody flagged.
    persons_flagged,
    /// Borrowers that anybody flagged by mistake.
    persons_flagged_mistaken,
    /// Flags.
    flags,
    /// Flags that said more than the borrower deserved.
    flags_mistaken,
    /// Flags that repeated others and said so.
    flags_derived,
    /// Flags that the breaker held.
    flags_held,
    /// Mistaken flags that their platform took back.
    flags_taken_back,
    /// Objections.
    disputes,
    /// Times that a platform locked a borrower that deserved it.
    locks_true,
    /// Times that a platform locked a borrower that did not deserve it.
    locks_wrongful,
    /// Of those, the ones by platforms that had flagged the borrower themselves, on that ground.
    locks_wrongful_own,
    /// Locks that there would not have been without others' receipts.
    locks_triggered,
    /// Borrowers that were locked and deserved it.
    persons_locked_true,
    /// Borrowers that were locked and did not deserve it then.
    persons_locked_wrongful,
    /// Of those, the ones that a platform locked so that had not flagged them itself.
    persons_locked_elsewhere,
    /// Borrowers that deserved a lock, and had it still when they did not any more.
    persons_lock_outlived,
    /// Borrowers whose wrongful lock was still there at the end, though every mistaken flag had been
    /// taken back.
    persons_still_locked,
    /// Times that borrowers tried to draw money that would be lost.
    draws,
    /// What they tried to draw.
    amount_tried,
    /// What they could not draw, because the platform had frozen or locked them.
    amount_contained,
}

/// A time in which a platform had a lock in force.
#[derive(Debug, Clone, Copy)]
struct Piece {
    from: Time,
    until: Time,
    deserved: Deserved,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deserved {
    Yes,
    No,
}

impl Tally {
    /// What one borrower came to.
    pub(super) fn of(scenario: &Scenario, plan: &Plan, stories: &Stories) -> Self {
        let mut tally = Self::default();
        let days = usize::try_from(scenario.horizon.micros() / DAY_MICROS).unwrap_or(0) + 2;
        tally.statements(plan);
        let mut worst = stories.others;
        let mut wrongful = Vec::new();
        let mut locked = Vec::new();
        for story in &stories.platforms {
            worst = worst.max(gravest(&story.done));
            for piece in pieces(scenario, plan, story) {
                tally.daily(scenario, &piece, days);
                if piece.deserved == Deserved::No {
                    let deserved_before = plan.deserves(piece.from.minus(ONE_MICRO));
                    if deserved_before >= scenario.watch {
                        tally.persons_lock_outlived = 1;
                    }
                    tally.wrongful_micros += micros(piece.from, piece.until);
                    wrongful.push((piece.from, piece.until));
                }
            }
            tally.onsets(scenario, plan, story, &mut locked);
        }
        tally.gravest[usize::from(worst.number())] += 1;
        tally.persons(scenario, plan, &wrongful);
        tally.collective(scenario, plan, locked);
        tally.money(plan, stories);
        tally
    }

    fn statements(&mut self, plan: &Plan) {
        for (act, truth) in plan.flags() {
            let mistaken = truth.rightness == Rightness::Mistaken;
            let derived = matches!(&act.placed.statement, Statement::Flag(flag) if !flag.derived_from.is_empty());
            self.flags += 1;
            self.flags_mistaken += u64::from(mistaken);
            self.flags_derived += u64::from(derived);
            self.flags_held += u64::from(act.placed.held);
            self.flags_taken_back += u64::from(mistaken && truth.taken_back.is_some());
            self.persons_flagged = 1;
            self.persons_flagged_mistaken |= u64::from(mistaken);
        }
        let disputes = plan.acts.iter().map(|act| &act.placed.statement);
        self.disputes =
            disputes.filter(|statement| matches!(statement, Statement::Dispute(_))).count() as u64;
    }

    /// Counts the times that a platform locked the borrower.
    fn onsets(
        &mut self,
        scenario: &Scenario,
        plan: &Plan,
        story: &Story,
        locked: &mut Vec<(Time, Time)>,
    ) {
        for (from, until) in spans(&story.done, scenario) {
            locked.push((from, until));
            if story.is_triggered(from, scenario.watch) {
                self.locks_triggered += 1;
            }
            if plan.deserves(from) >= scenario.watch {
                self.locks_true += 1;
                self.persons_locked_true = 1;
            } else {
                let own = u64::from(has_flagged(plan, story.platform, from));
                self.locks_wrongful += 1;
                self.locks_wrongful_own += own;
                self.persons_locked_wrongful = 1;
                self.persons_locked_elsewhere |= 1 - own;
            }
        }
    }

    /// How far wrongful locks went, and how long.
    fn persons(&mut self, scenario: &Scenario, plan: &Plan, wrongful: &[(Time, Time)]) {
        let mut steps: Vec<(Time, i64)> =
            wrongful.iter().flat_map(|(from, until)| [(*from, 1), (*until, -1)]).collect();
        // At one instant what ends goes first.
        steps.sort_unstable();
        let (mut now, mut peak, mut since) = (0_i64, 0_i64, Time::MIN);
        for (at, step) in steps {
            if now > 0 {
                self.wrongful_person_micros += micros(since, at);
            }
            since = at;
            now += step;
            peak = peak.max(now);
        }
        if self.persons_flagged_mistaken > 0 {
            let count = u64::from(scenario.platforms.count);
            let peak = u64::try_from(peak).unwrap_or(0);
            self.shares_ppm.push(peak * 1_000_000 / count);
        }
        if wrongful.is_empty() {
            return;
        }
        self.reopening(scenario, plan, wrongful);
    }

    /// How long it took until everything was open again.
    fn reopening(&mut self, scenario: &Scenario, plan: &Plan, wrongful: &[(Time, Time)]) {
        let mistaken = plan.flags().filter(|(_, truth)| truth.rightness == Rightness::Mistaken);
        let ends: Option<Vec<Time>> = mistaken.map(|(_, truth)| truth.taken_back).collect();
        let Some(last) = ends.and_then(|ends| ends.into_iter().max()) else { return };
        // Locks that had opened by themselves before, or came after, say nothing.
        let then = wrongful.iter().filter(|(from, until)| *from <= last && last <= *until);
        let Some(open) = then.map(|(_, until)| *until).max() else { return };
        if last > scenario.end() {
            return;
        }
        if open >= scenario.end() {
            self.persons_still_locked = 1;
        } else {
            self.reopened.push(u64::try_from(micros(last, open)).unwrap_or(u64::MAX));
        }
    }

    /// When so many platforms had locked the borrower at once that the lock was collective.
    fn collective(&mut self, scenario: &Scenario, plan: &Plan, locked: Vec<(Time, Time)>) {
        let count = u64::from(scenario.platforms.count);
        let needed = (count * scenario.collective_permille).div_ceil(1_000);
        if (locked.len() as u64) < needed {
            return;
        }
        let mut steps: Vec<(Time, i64)> =
            locked.into_iter().flat_map(|(from, until)| [(from, 1), (until, -1)]).collect();
        steps.sort_unstable();
        let mut now = 0_i64;
        for (at, step) in steps {
            now += step;
            if u64::try_from(now).unwrap_or(0) >= needed {
                let first = plan.flags().map(|(act, _)| act.placed.position.time).min();
                let lag = u64::try_from(micros(first.unwrap_or(at), at)).unwrap_or(u64::MAX);
                if plan.deserves(at) >= scenario.watch {
                    self.collective_true.push(lag);
                } else {
                    self.collective_wrongful.push(lag);
                }
                return;
            }
        }
    }

    fn money(&mut self, plan: &Plan, stories: &Stories) {
        for draw in &plan.draws {
            self.draws += 1;
            self.amount_tried += draw.amount;
            let found =
                stories.platforms.binary_search_by_key(&draw.platform, |story| story.platform);
            let measure = found
                .map_or(Measure::None, |index| measure_at(&stories.platforms[index].done, draw.at));
            if measure >= Measure::Freeze {
                self.amount_contained += draw.amount;
            }
        }
    }

    /// Counts a lock in the days at whose end it is in force.
    fn daily(&mut self, scenario: &Scenario, piece: &Piece, days: usize) {
        let daily = match piece.deserved {
            Deserved::Yes => &mut self.daily_true,
            Deserved::No => &mut self.daily_wrongful,
        };
        if daily.is_empty() {
            daily.resize(days, 0);
        }
        let day = |at: Time| {
            let day = at.since(scenario.start).micros() / DAY_MICROS;
            usize::try_from(day).unwrap_or(0).min(days - 1)
        };
        let (from, until) = (day(piece.from), day(piece.until));
        daily[from] += 1;
        daily[until] -= 1;
    }
}

/// The locks of a platform: from, and until, exclusive, at most until the end.
fn spans(done: &[Change], scenario: &Scenario) -> Vec<(Time, Time)> {
    let end = scenario.end();
    let mut spans = Vec::new();
    let mut since = None;
    for change in done.iter().filter(|change| change.at < end) {
        match (since, change.measure >= scenario.watch) {
            (None, true) => since = Some(change.at),
            (Some(from), false) => {
                spans.push((from, change.at));
                since = None;
            }
            _ => {}
        }
    }
    if let Some(from) = since {
        spans.push((from, end));
    }
    spans
}

/// The locks of a platform, cut where it changes whether the borrower deserves one.
fn pieces(scenario: &Scenario, plan: &Plan, story: &Story) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (from, until) in spans(&story.done, scenario) {
        let ends = plan.truths.iter().flat_map(|truth| [truth.from, truth.until]);
        let mut cuts: Vec<Time> = ends.filter(|cut| from < *cut && *cut < until).collect();
        cuts.extend([from, until]);
        cuts.sort_unstable();
        cuts.dedup();
        for pair in cuts.windows(2) {
            let deserved = plan.deserves(pair[0]) >= scenario.watch;
            let deserved = if deserved { Deserved::Yes } else { Deserved::No };
            pieces.push(Piece { from: pair[0], until: pair[1], deserved });
        }
    }
    pieces
}

/// Whether the platform had flagged the borrower itself by then.
fn has_flagged(plan: &Plan, platform: u32, at: Time) -> bool {
    plan.flags().any(|(act, _)| act.platform == platform && act.placed.position.time <= at)
}

fn micros(from: Time, until: Time) -> u128 {
    u128::try_from(until.since(from).micros()).unwrap_or(0)
}

fn add_daily(sum: &mut Vec<i64>, more: Vec<i64>) {
    if sum.is_empty() {
        *sum = more;
        return;
    }
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum += more;
    }
}
