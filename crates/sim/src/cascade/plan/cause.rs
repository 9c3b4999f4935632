//! What one cause does to one borrower: its episodes, who flags them, and what becomes of the flags.

use interlock_record::{
    Cure, Dispute, Flag, Outcome, Recall, Resolve, Statement, StatementId, Time, Withdraw,
    WithdrawCause,
};

use super::{Draw, FlagTruth, Rightness, Script, Truth, tag};
use crate::cascade::draw::happens;
use crate::cascade::scenario::{Cause, Declared, Disputed, Draws, Echoed, Stage};
use crate::dice::Dice;

/// One episode of a cause.
struct Episode<'a> {
    number: u32,
    cause: &'a Cause,
    /// The stages it comes to, and when each begins.
    stages: Vec<(Time, Stage)>,
    cured_at: Option<Time>,
}

/// A flag that was raised in an episode.
#[derive(Clone, Copy)]
struct Raised {
    index: usize,
    id: StatementId,
    platform: u32,
    at: Time,
    begun: Time,
    stage: Stage,
    confidence: u8,
}

/// Whose flag it really is.
#[derive(Clone, Copy)]
enum Origin {
    /// The platform's own; only these carry the cause's name, by which they are recalled.
    Own,
    /// Another's, without a word.
    Copied,
    /// Another's, as it says.
    Derived(StatementId),
}

impl Script<'_> {
    /// Plays a cause.
    pub(super) fn play(&mut self, number: u32, cause: &Cause, dice: &mut Dice) {
        if !cause.befalls(&self.plan.lenders, dice) {
            return;
        }
        let mut begin = self.scenario.start.plus(cause.onset.draw(dice));
        let first = self.plan.acts.len();
        for _ in 0..cause.episodes.draw(dice) {
            let episode = Episode::of(number, cause, begin, dice);
            self.truths(&episode);
            if let Some(draws) = &cause.draws {
                self.draws(draws, begin, dice);
            }
            for platform in self.candidates(cause.seers, dice) {
                if happens(dice, cause.seen_ppm) {
                    self.flags(&episode, platform, dice);
                }
            }
            begin = begin.plus(cause.every.draw(dice));
        }
        self.recall(cause, first, dice);
    }

    fn truths(&mut self, episode: &Episode<'_>) {
        let last = episode.stages.last().map_or(Time::MIN, |(at, _)| *at);
        let lasts = episode.cause.lasts.map_or(Time::MAX, |lasts| last.plus(lasts));
        let end = episode.cured_at.map_or(lasts, |cured| cured.min(lasts));
        for (index, (from, stage)) in episode.stages.iter().enumerate() {
            let next = episode.stages.get(index + 1).map_or(end, |(at, _)| (*at).min(end));
            if *from < next {
                self.plan.truths.push(Truth { from: *from, until: next, deserves: stage.deserves });
            }
        }
    }

    fn draws(&mut self, draws: &Draws, begin: Time, dice: &mut Dice) {
        for _ in 0..draws.count.draw(dice) {
            let at = begin.plus(draws.within.draw(dice));
            let platform = dice.below(u64::from(self.scenario.platforms.count));
            let amount = draws.amount.draw(dice);
            if at <= self.scenario.end() {
                let platform = u32::try_from(platform).unwrap_or(0);
                self.plan.draws.push(Draw { at, platform, amount });
            }
        }
    }

    /// One platform's flags of an episode, and what becomes of them.
    fn flags(&mut self, episode: &Episode<'_>, platform: u32, dice: &mut Dice) {
        let cause = episode.cause;
        let over = cause.recalled.map(|recalled| self.scenario.start.plus(recalled.at));
        let mut flagged = false;
        for (begun, stage) in &episode.stages {
            let at = begun.plus(cause.noticed.draw(dice));
            let confidence = u8::try_from(cause.confidence.draw(dice)).unwrap_or(100);
            // Who paid is not flagged any more, and a fault that was recalled is over.
            let past = |end: Option<Time>| end.is_some_and(|end| end <= at);
            if past(episode.cured_at) || past(over) || at > self.scenario.end() {
                continue;
            }
            let raised = Raised {
                index: 0,
                id: StatementId([0; 32]),
                platform,
                at,
                begun: *begun,
                stage: *stage,
                confidence,
            };
            let raised = self.raise(episode, raised, Origin::Own, dice);
            flagged = true;
            self.aftermath(episode, &raised, over, dice);
        }
        if let (true, Some(at), Some(cured)) = (flagged, episode.cured_at, &cause.cured) {
            let cure = Cure { subject: tag(self.borrower), kind: cured.kind };
            self.say(platform, at, Statement::Cure(cure), dice);
        }
    }

    fn raise(
        &mut self,
        episode: &Episode<'_>,
        raised: Raised,
        origin: Origin,
        dice: &mut Dice,
    ) -> Raised {
        let cause = episode.cause;
        let (rule_version, derived_from) = match origin {
            Origin::Own => (Some(cause.name.clone()), Vec::new()),
            Origin::Copied => (None, Vec::new()),
            Origin::Derived(source) => (None, vec![source]),
        };
        let flag = Flag {
            subject: tag(self.borrower),
            id_type: cause.id_type,
            reason: cause.reason,
            severity: raised.stage.severity,
            confidence: raised.confidence,
            applied_measure: raised.stage.applied,
            observed_at: raised.begun,
            expires_at: cause.expires.map(|expires| raised.at.plus(expires)),
            evidence_digest: None,
            rule_version,
            case_ref: None,
            derived_from,
        };
        let (index, id) = self.say(raised.platform, raised.at, Statement::Flag(flag), dice);
        let mistaken = raised.stage.applied > raised.stage.deserves;
        let rightness = if mistaken { Rightness::Mistaken } else { Rightness::Right };
        self.plan.acts[index].flag =
            Some(FlagTruth { cause: episode.number, rightness, taken_back: None });
        Raised { index, id, ..raised }
    }

    /// What becomes of a flag: it is taken back, objected to, repeated by others.
    fn aftermath(
        &mut self,
        episode: &Episode<'_>,
        raised: &Raised,
        recalled: Option<Time>,
        dice: &mut Dice,
    ) {
        let cause = episode.cause;
        let mut end = recalled;
        if let Some(withdrawn) = cause.withdrawn
            && happens(dice, withdrawn.share_ppm)
        {
            let at = raised.at.plus(withdrawn.after.draw(dice));
            self.withdraw(raised, at, withdrawn.cause, dice);
            end = earliest(end, Some(at));
        }
        if let Some(disputed) = cause.disputed
            && happens(dice, disputed.share_ppm)
        {
            end = earliest(end, self.dispute(raised, &disputed, dice));
        }
        self.take_back(raised.index, end);
        if let Some(echoed) = cause.echoed {
            self.echo(episode, raised, &echoed, end, dice);
        }
    }

    fn withdraw(&mut self, raised: &Raised, at: Time, cause: WithdrawCause, dice: &mut Dice) {
        let withdraw = Withdraw { statement: raised.id, cause };
        self.say(raised.platform, at, Statement::Withdraw(withdraw), dice);
    }

    fn take_back(&mut self, index: usize, at: Option<Time>) {
        if let Some(truth) = &mut self.plan.acts[index].flag {
            truth.taken_back = at;
        }
    }

    /// The borrower objects; returns when its objection is upheld, if it is.
    fn dispute(&mut self, raised: &Raised, disputed: &Disputed, dice: &mut Dice) -> Option<Time> {
        let at = raised.at.plus(disputed.after.draw(dice));
        let answered = happens(dice, disputed.answered_ppm);
        let answer = at.plus(disputed.answer.draw(dice));
        let upheld = happens(dice, disputed.upheld_ppm);
        let other = self.plan.lenders.iter().copied().find(|lender| *lender != raised.platform);
        let all = self.scenario.platforms.count;
        let voice = other.or_else(|| (all > 1).then(|| (raised.platform + 1) % all))?;
        self.say(voice, at, Statement::Dispute(Dispute { flag: raised.id }), dice);
        if !answered {
            return None;
        }
        let outcome = if upheld { Outcome::Upheld } else { Outcome::Rejected };
        let resolve = Resolve { flag: raised.id, outcome };
        self.say(raised.platform, answer, Statement::Resolve(resolve), dice);
        upheld.then_some(answer)
    }

    /// Other platforms repeat a flag while it stands.
    fn echo(
        &mut self,
        episode: &Episode<'_>,
        source: &Raised,
        echoed: &Echoed,
        end: Option<Time>,
        dice: &mut Dice,
    ) {
        for platform in self.candidates(echoed.by, dice) {
            let repeats = happens(dice, echoed.share_ppm);
            let at = source.at.plus(echoed.after.draw(dice));
            let gone = end.is_some_and(|end| end <= at) || at > self.scenario.end();
            if !repeats || gone || platform == source.platform {
                continue;
            }
            let origin = match echoed.declared {
                Declared::Derived => Origin::Derived(source.id),
                Declared::FirstHand => Origin::Copied,
            };
            let copy = Raised { platform, at, begun: at, ..*source };
            let copy = self.raise(episode, copy, origin, dice);
            if let (Some(end), Some(after)) = (end, echoed.withdrawn_after) {
                let at = end.plus(after.draw(dice)).max(at);
                self.withdraw(&copy, at, WithdrawCause::Error, dice);
                self.take_back(copy.index, Some(at));
            }
        }
    }

    /// Every platform that raised flags of the cause recalls them.
    fn recall(&mut self, cause: &Cause, first: usize, dice: &mut Dice) {
        let Some(recalled) = cause.recalled else { return };
        let at = self.scenario.start.plus(recalled.at);
        let own = |statement: &Statement| matches!(statement, Statement::Flag(flag) if flag.rule_version.is_some());
        let mut platforms: Vec<u32> = self.plan.acts[first..]
            .iter()
            .filter(|act| own(&act.placed.statement) && act.placed.position.time < at)
            .map(|act| act.platform)
            .collect();
        platforms.sort_unstable();
        platforms.dedup();
        for platform in platforms {
            let recall = Recall {
                from: None,
                to: None,
                rule_version: Some(cause.name.clone()),
                reason: None,
                cause: recalled.cause,
            };
            self.say(platform, at, Statement::Recall(recall), dice);
        }
    }
}

impl<'a> Episode<'a> {
    fn of(number: u32, cause: &'a Cause, begin: Time, dice: &mut Dice) -> Self {
        let cured_at = cause.cured.and_then(|cured| {
            let happens = happens(dice, cured.share_ppm);
            let at = begin.plus(cured.after.draw(dice));
            happens.then_some(at)
        });
        let mut stages = Vec::new();
        for stage in &cause.stages {
            let at = begin.plus(stage.after);
            if !happens(dice, stage.goes_on_ppm) || cured_at.is_some_and(|cured| cured <= at) {
                break;
            }
            stages.push((at, *stage));
        }
        Self { number, cause, stages, cured_at }
    }
}

fn earliest(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    one.into_iter().chain(other).min()
}
