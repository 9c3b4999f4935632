//! Deciding everybody anew, whatever for: a bounded number a step, killed anywhere it goes on and
//! ends where it would have ended, and causes that come together do no harm to each other.

use std::collections::BTreeMap;

use interlock_engine::charter::SignedCharter;
use interlock_engine::ledger::rows::{DecisionRow, RevisitRow, SettingsRow, StoredRow as _};
use interlock_engine::ledger::{Column, Draft, Ledger as _, MemoryLedger, MetaKey};
use interlock_engine::local::{LocalSettings, Overlay};
use interlock_engine::replica::{Input, MAX_REVISITS_A_STEP, Replica, Start};
use interlock_record::{MemberId, Statement, SubjectTag, Time, VerifiedRecord};
use interlock_sim::checks::journal_is_true;
use interlock_sim::consortium::{Consortium, Shape, feed, member};

use crate::people::reviewed;
use crate::rebuilding::restored;
use crate::world::{Lone, Pen, at, flag_of};

/// More than two steps' worth, and not a whole number of them.
const CROWD: usize = 2 * MAX_REVISITS_A_STEP + 77;
const FLAGS_A_RECORD: usize = 128;

fn tag(number: usize) -> SubjectTag {
    // Spread out, so that who comes in later stands on either side of any mark.
    let mut tag = [0; 32];
    tag[..8].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    tag[8..16].copy_from_slice(&(number as u64).to_be_bytes());
    SubjectTag(tag)
}

/// Flags of one member on these subjects.
fn flags(pen: &mut Pen<'_>, subjects: std::ops::Range<usize>, time: Time) -> Vec<VerifiedRecord> {
    let all: Vec<Statement> =
        subjects.map(|number| flag_of(|flag| flag.subject = tag(number), 1, time)).collect();
    let ms = |step: usize| Time::from_micros(time.micros() + step as i64).expect("in range");
    let bodies = all.chunks(FLAGS_A_RECORD).enumerate();
    bodies.map(|(step, body)| pen.sign(ms(step), body)).collect()
}

/// Two members have locked everybody, but for every third, whom only one has flagged.
fn crowd() -> Lone {
    let policy = reviewed().replace("[policy.measure.LOCK]\nconfirm = \"manual\"\n", "");
    let shape = Shape { policy: &policy, ..Shape::default() };
    let mut lone = Lone::new(Consortium::new(&shape), feed(3, 1));
    let consortium = lone.consortium.clone();
    for record in flags(&mut Pen::new(&consortium, feed(0, 1)), 0..CROWD, at(0)) {
        lone.take(at(100), &[&record]);
    }
    let mut pen = Pen::new(&consortium, feed(1, 1));
    for record in flags(&mut pen, 0..CROWD / 3 * 2, at(0)) {
        lone.take(at(100), &[&record]);
    }
    for ms in [3_000, 3_100] {
        lone.tick(at(ms));
    }
    lone
}

/// What everybody is decided anew at.
fn now() -> Time {
    at(4_000)
}

fn overlay() -> LocalSettings {
    let overlay = Overlay::parse("overlay", "version = 1\n[trust]\nm0 = 0\n");
    LocalSettings { overlay: Some(overlay.expect("a good overlay")), ..LocalSettings::default() }
}

/// Nothing supports anything above `OBSERVE` from now on.
fn mild(lone: &Lone) -> SignedCharter {
    let signers: Vec<MemberId> = (0..3).map(member).collect();
    let edit = |text: String| text.replace("ceiling = \"LOCK\"", "ceiling = \"OBSERVE\"");
    Consortium::amendment(lone.replica.charters().newest(), at(3_500), edit, &signers)
}

fn amend(lone: &mut Lone) {
    let charter = mild(lone);
    lone.step(now(), vec![Input::ApplyCharter { ticket: 1, charter }]);
}

fn open(lone: &Lone, settings: &LocalSettings) -> Replica {
    let opening = lone.consortium.opening(lone.feed, Start::Careful { last_signed: None });
    Replica::open(&lone.ledger, opening)
        .and_then(|replica| replica.with_settings(&lone.ledger, settings.clone()))
        .expect("opens")
}

/// How a node is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kill {
    Never,
    /// What this step would have changed is lost.
    Before(usize),
    /// It is on disk, but nobody was told.
    After(usize),
}

/// Makes one step of whatever is to be done; says whether there is more.
fn step(lone: &mut Lone, kill: Kill, number: usize, settings: &LocalSettings) -> bool {
    let rebuilt = lone.replica.rebuild(&lone.ledger, now()).expect("memory does not fail");
    let changes = match rebuilt {
        Some(changes) => changes,
        None if lone.replica.is_revisiting() => {
            let inputs = vec![Input::Tick];
            lone.replica.step(&lone.ledger, now(), inputs).expect("memory does not fail").changes
        }
        None => return false,
    };
    let decided = changes.iter().filter(|(column, ..)| *column == Column::Decisions).count();
    assert!(decided <= MAX_REVISITS_A_STEP, "{decided} subjects in one step");
    if kill != Kill::Before(number) {
        lone.ledger.commit(&changes);
    }
    if matches!(kill, Kill::Before(at) | Kill::After(at) if at == number) {
        lone.replica = open(lone, settings);
    }
    true
}

/// Steps until nobody waits any more; says how many steps it took.
fn finish(lone: &mut Lone, kill: Kill, settings: &LocalSettings) -> usize {
    let mut steps = 0;
    while step(lone, kill, steps, settings) {
        steps += 1;
        assert!(steps < 100, "it does not end");
    }
    journal_is_true(&lone.replica, &lone.ledger).expect("true");
    let left = lone.ledger.get(Column::Meta, MetaKey::Revisit.bytes()).expect("memory");
    assert_eq!(left, None, "nothing is left to be done");
    steps
}

type Decided = BTreeMap<Vec<u8>, (Vec<(i64, u32)>, Option<Vec<(i64, u32)>>, u32)>;

/// What was decided and what is applied, whenever the journal told it.
fn decided(ledger: &MemoryLedger) -> Decided {
    let rows = ledger.range(Column::Decisions, &[], &[0xff; 33], usize::MAX).expect("memory");
    let row = |value: &[u8]| DecisionRow::decode(value).expect("a row");
    let plan = |scope: interlock_engine::ledger::rows::ScopeRow| {
        scope.transitions.iter().map(|step| (step.at, step.to)).collect::<Vec<_>>()
    };
    rows.into_iter()
        .map(|(key, value)| {
            let row = row(&value);
            (key, (plan(row.consortium.unwrap_or_default()), row.own.map(plan), row.applied))
        })
        .collect()
}

#[derive(Debug, Clone, Copy)]
enum For {
    Charter,
    Settings,
    Restored,
    All,
}

impl For {
    /// The crowd, to be decided anew.
    fn begun(self) -> (Lone, LocalSettings) {
        let mut lone = crowd();
        let charter = matches!(self, Self::Charter | Self::All);
        let restore = matches!(self, Self::Restored | Self::All);
        let settings = match self {
            Self::Settings | Self::All => overlay(),
            _ => LocalSettings::default(),
        };
        if charter {
            amend(&mut lone);
        }
        if restore {
            lone.ledger = restored(&lone.ledger, &mut |record| {
                let erases = record.header().feed == feed(1, 1) && record.header().sequence == 1;
                if erases {
                    (0..60).for_each(|index| record.erase(index));
                }
                if erases { 60 } else { 0 }
            });
        }
        lone.replica = open(&lone, &settings);
        (lone, settings)
    }
}

#[test]
fn killed_anywhere_it_ends_where_it_would_have_ended() {
    for why in [For::Charter, For::Settings, For::Restored, For::All] {
        let (mut undisturbed, settings) = why.begun();
        let before = decided(&undisturbed.ledger);
        let steps = finish(&mut undisturbed, Kill::Never, &settings);
        // With another charter the first subjects are taken up in its own step.
        assert!(steps >= CROWD / MAX_REVISITS_A_STEP, "{why:?}: it takes {steps} steps");
        assert_ne!(decided(&undisturbed.ledger), before, "{why:?} changes something");
        for number in 0..steps {
            for kill in [Kill::Before(number), Kill::After(number)] {
                let (mut lone, settings) = why.begun();
                finish(&mut lone, kill, &settings);
                assert!(lone.ledger == undisturbed.ledger, "{why:?}, killed {kill:?}");
            }
        }
    }
}

/// Everybody, decided anew for one cause after the other.
fn one_after_the_other() -> Decided {
    let (mut lone, settings) = For::Charter.begun();
    finish(&mut lone, Kill::Never, &settings);
    lone.replica = open(&lone, &overlay());
    finish(&mut lone, Kill::Never, &overlay());
    decided(&lone.ledger)
}

#[test]
fn a_cause_that_comes_in_the_middle_of_another_is_for_everybody_too() {
    let expected = one_after_the_other();
    for done in 0..=CROWD / MAX_REVISITS_A_STEP {
        // Other settings while another charter is on its way through.
        let (mut lone, settings) = For::Charter.begun();
        (0..done).for_each(|number| assert!(step(&mut lone, Kill::Never, number, &settings)));
        lone.replica = open(&lone, &overlay());
        finish(&mut lone, Kill::Never, &overlay());
        assert!(decided(&lone.ledger) == expected, "other settings after {done} steps");
        // And the other way round.
        let (mut lone, settings) = For::Settings.begun();
        (0..done).for_each(|number| assert!(step(&mut lone, Kill::Never, number, &settings)));
        amend(&mut lone);
        finish(&mut lone, Kill::Never, &settings);
        assert!(decided(&lone.ledger) == expected, "another charter after {done} steps");
    }
}

#[test]
fn settings_that_change_again_meanwhile_are_the_ones_that_hold() {
    let (mut lone, settings) = For::Settings.begun();
    let before = decided(&lone.ledger);
    step(&mut lone, Kill::Never, 0, &settings);
    assert_ne!(decided(&lone.ledger), before);
    lone.replica = open(&lone, &LocalSettings::default());
    finish(&mut lone, Kill::Never, &LocalSettings::default());
    assert!(decided(&lone.ledger) == before, "as if it had not been tried");
    // Under the same settings there is nothing to do.
    lone.replica = open(&lone, &LocalSettings::default());
    assert!(!lone.replica.is_revisiting());
}

#[test]
fn whoever_comes_in_meanwhile_is_decided_too_and_holds_nobody_up() {
    let (mut lone, settings) = For::Charter.begun();
    let consortium = lone.consortium.clone();
    let mut pen = Pen::new(&consortium, feed(2, 1));
    let mut steps = 0;
    while lone.replica.is_revisiting() {
        let first = CROWD + steps * 50;
        let newcomers = flags(&mut pen, first..first + 50, at(3_900 + steps as i64));
        lone.take(now(), &newcomers.iter().collect::<Vec<_>>());
        steps += 1;
        assert!(steps < 20, "newcomers must not keep it from ending");
    }
    finish(&mut lone, Kill::Never, &settings);
    // Another replica had that charter before anybody was flagged.
    let mut other = Lone::new(consortium.clone(), feed(3, 1));
    let charter = lone.replica.charters().newest().clone();
    let signed = mild(&other);
    assert_eq!(signed.document, charter.text);
    other.step(now(), vec![Input::ApplyCharter { ticket: 1, charter: signed }]);
    for record in interlock_sim::checks::records(&lone.ledger) {
        other.take(now(), &[&record]);
    }
    assert!(decided(&lone.ledger) == decided(&other.ledger));
}

#[test]
fn what_an_earlier_program_left_half_done_is_gone_on_with() {
    let write = |lone: &mut Lone, row: &RevisitRow| {
        let mut draft = Draft::new(&lone.ledger);
        draft.put(MetaKey::Revisit.bytes().to_vec(), row);
        let changes = draft.into_changes();
        lone.ledger.commit(&changes);
    };
    // Done: its row stayed.
    let mut lone = crowd();
    write(&mut lone, &RevisitRow { done: true, next: vec![0xff; 33], causes: Vec::new() });
    lone.replica = open(&lone, &LocalSettings::default());
    assert!(!lone.replica.is_revisiting());
    // Half done, for another charter: it gave no cause.
    let (mut lone, settings) = For::Charter.begun();
    let expected = {
        let (mut lone, settings) = For::Charter.begun();
        finish(&mut lone, Kill::Never, &settings);
        decided(&lone.ledger)
    };
    step(&mut lone, Kill::Never, 0, &settings);
    let left = lone.ledger.get(Column::Meta, MetaKey::Revisit.bytes()).expect("memory");
    let left = RevisitRow::decode(&left.expect("it is under way")).expect("a row");
    write(&mut lone, &RevisitRow { causes: Vec::new(), ..left });
    lone.replica = open(&lone, &settings);
    assert!(lone.replica.is_revisiting());
    finish(&mut lone, Kill::Never, &settings);
    assert!(decided(&lone.ledger) == expected);
    // Half done, for other settings: it kept no progress, but that it was at it.
    let mut lone = crowd();
    let mut draft = Draft::new(&lone.ledger);
    let under_way = SettingsRow { digest: vec![0; 32] };
    draft.put(MetaKey::LocalSettings.bytes().to_vec(), &under_way);
    let changes = draft.into_changes();
    lone.ledger.commit(&changes);
    lone.replica = open(&lone, &LocalSettings::default());
    assert!(lone.replica.is_revisiting());
    finish(&mut lone, Kill::Never, &LocalSettings::default());
}
