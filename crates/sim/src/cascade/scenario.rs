//! A scenario: platforms, borrowers, what befalls them, and the policies by which platforms decide.
//! How it is written is in `read` and `read_cause`; what `--set` does to it in `settings`.

mod read;
mod read_cause;
mod read_parts;
mod settings;

use interlock_engine::charter::Quota;
use interlock_engine::local::Overlay;
use interlock_engine::policy::{PeerReceipts, Policy, Schedule};
use interlock_record::{
    CureKind, IdType, Measure, MemberId, Reason, Severity, Span, Time, WithdrawCause,
};

pub use read::Load;
pub use settings::{BadSetting, Setting};

use crate::dice::Dice;

/// The most platforms of a scenario: those that a charter can name.
pub const MAX_PLATFORMS: u64 = interlock_engine::limits::MAX_MEMBERS as u64;
/// The most borrowers of a scenario.
pub const MAX_BORROWERS: u64 = 100_000_000;
/// The most causes of a scenario.
pub const MAX_CAUSES: usize = 64;
/// The most stages of a cause.
pub const MAX_STAGES: usize = 16;
/// The most episodes of a cause that befall one borrower.
pub const MAX_EPISODES: u64 = 64;
/// The most statements that the causes of a scenario can lead to about one borrower.
pub const MAX_STATEMENTS: u64 = 65_536;
/// A certainty, in parts per million.
pub const PPM: u64 = 1_000_000;

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// One line on what it models.
    pub about: String,
    /// When it begins.
    pub start: Time,
    /// How long it goes on.
    pub horizon: Span,
    /// What the report calls a lock: this measure or a graver one.
    pub watch: Measure,
    /// From which share of all platforms on a lock is collective, per mille.
    pub collective_permille: u64,
    /// The consortium's policies over time.
    pub policies: Schedule,
    /// The platforms.
    pub platforms: Platforms,
    /// The borrowers.
    pub borrowers: Borrowers,
    /// How long things take.
    pub delays: Delays,
    /// What people do with measures that wait for them.
    pub review: Review,
    /// What befalls borrowers.
    pub causes: Vec<Cause>,
    /// Every file that the scenario was read from, as it was read: name and text.
    pub texts: Vec<(String, String)>,
}

/// The platforms: members of the consortium, `p1` to `pN` (with as many zeros in front as make all
/// names equally long).
#[derive(Debug, Clone)]
pub struct Platforms {
    /// How many there are.
    pub count: u32,
    /// Whose receipts each counts, where its policy counts any.
    pub follows: Follows,
    /// How much more often the first platforms are somebody's lender than the last.
    pub sizes: Sizes,
    /// What receipts name as their ground.
    pub receipts: Receipts,
    /// Overlays of the policy, each for some platforms.
    pub overlays: Vec<OverlayFor>,
    /// The breaker of each platform's feed, where it has one.
    pub breaker: Option<Breaker>,
}

/// Whose receipts a platform counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Follows {
    /// Everybody's, or those of the policy's `peers`.
    Everyone,
    /// Nobody's.
    Nobody,
    /// Those of its neighbours in a graph.
    Graph(GraphKind),
}

/// A graph of who follows whom. Drawn anew in each run, except the one that is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GraphKind {
    /// Erdős–Rényi: every pair of platforms is joined with the same chance.
    Random {
        /// The expected number of neighbours, in thousandths.
        mean_degree_milli: u64,
    },
    /// Barabási–Albert: each new platform joins that many earlier ones, the well-joined ones rather.
    Preferential {
        /// How many.
        links: u32,
    },
    /// Watts–Strogatz: a ring in which some links are laid anew.
    SmallWorld {
        /// Neighbours on the ring, an even number.
        degree: u32,
        /// The chance that a link is laid anew, in parts per million.
        rewired_ppm: u64,
    },
    /// Each platform has as many neighbours as is said here, chosen at random.
    Degrees(Vec<u32>),
    /// As given: who follows whom.
    Given(Vec<(u32, u32)>),
}

/// How many borrowers platforms have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// All about the same.
    Equal,
    /// The k-th has a k-th of the first one's.
    Zipf,
}

/// What a receipt names as its ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipts {
    /// The flags that the decision named: the receipt counts while one of them is live.
    Named,
    /// Nothing: the receipt counts until the platform's next.
    Unnamed,
}

/// An overlay of the policy, and for whom.
#[derive(Debug, Clone)]
pub struct OverlayFor {
    /// The overlay.
    pub overlay: Overlay,
    /// The platforms.
    pub members: Vec<u32>,
}

/// The breaker of each platform's feed, each flag a record of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    /// So many flags in any window.
    pub quota: Quota,
    /// How many groups must release a held record.
    pub release_k: u32,
    /// Which held records are released.
    pub releases: Releases,
    /// How long after the record they are.
    pub released_after: Spread,
}

/// Which held records are released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Releases {
    /// None.
    None,
    /// Those whose flag is right.
    True,
    /// All.
    All,
}

/// The borrowers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Borrowers {
    /// How many there are.
    pub count: u32,
    /// How many lenders a borrower has: the number, and its weight.
    pub lenders: Vec<(u64, u64)>,
}

/// How long things take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delays {
    /// From a statement until everybody has it.
    pub gossip: Spread,
    /// From a decision's taking effect until a platform has put a graver measure in force.
    pub react: Spread,
    /// From a decision's taking effect until a platform has put a lesser measure in force.
    pub reopen: Spread,
}

/// What people at the platforms do with measures that wait for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// From when the measure waits until the answer.
    pub after: Spread,
    /// The chance that a deserved measure is confirmed, in parts per million.
    pub confirms_true_ppm: u64,
    /// The chance that an undeserved measure is confirmed, in parts per million.
    pub confirms_false_ppm: u64,
}

/// A span drawn evenly between two, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// The least.
    pub least: Span,
    /// The most.
    pub most: Span,
}

/// A whole number drawn evenly between two, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// The least.
    pub least: u64,
    /// The most.
    pub most: u64,
}

/// Something that befalls borrowers and that platforms flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// What it is called; also the rule version of its flags, by which they are recalled.
    pub name: String,
    /// Whom it befalls, in parts per million of those concerned.
    pub share_ppm: u64,
    /// Concerned are the customers of this platform only.
    pub customers_of: Option<u32>,
    /// When it begins, counted from the start.
    pub onset: Spread,
    /// How often it befalls the same borrower.
    pub episodes: Numbers,
    /// From the beginning of one episode to that of the next.
    pub every: Spread,
    /// Who can see it.
    pub seers: Seers,
    /// The chance that each of them does, in parts per million.
    pub seen_ppm: u64,
    /// From the beginning of a stage until a platform flags it.
    pub noticed: Spread,
    /// Why it is flagged.
    pub reason: Reason,
    /// How sure a platform is, percent.
    pub confidence: Numbers,
    /// Which kind of identifier the flag names.
    pub id_type: IdType,
    /// When a flag ends by itself, counted from it.
    pub expires: Option<Span>,
    /// How long the last stage goes on to deserve its measure, where nothing cures it.
    pub lasts: Option<Span>,
    /// Its stages, each graver than the one before.
    pub stages: Vec<Stage>,
    /// Flags are withdrawn one by one.
    pub withdrawn: Option<Withdrawn>,
    /// Flags are recalled all at once.
    pub recalled: Option<Recalled>,
    /// It gets better.
    pub cured: Option<Cured>,
    /// The borrower objects.
    pub disputed: Option<Disputed>,
    /// Other platforms repeat the flags.
    pub echoed: Option<Echoed>,
    /// The borrower draws money that is lost unless a platform has frozen it.
    pub draws: Option<Draws>,
}

/// Who can see a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seers {
    /// Every lender of the borrower.
    Lenders,
    /// One of its lenders.
    OneLender,
    /// Every platform.
    Platforms,
    /// This platform.
    One(u32),
}

/// One stage of a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// When it begins, counted from the episode's onset.
    pub after: Span,
    /// The chance that it comes to this stage, in parts per million of those in the stage before.
    pub goes_on_ppm: u64,
    /// How grave the flag is.
    pub severity: Severity,
    /// What the flagging platform does itself.
    pub applied: Measure,
    /// The greatest measure that a borrower in this stage deserves: `NONE` for a mistake.
    pub deserves: Measure,
}

/// Flags are withdrawn one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Withdrawn {
    /// Which share of them, in parts per million.
    pub share_ppm: u64,
    /// How long after the flag.
    pub after: Spread,
    /// Why.
    pub cause: WithdrawCause,
}

/// Flags are recalled all at once: every seer recalls its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recalled {
    /// When, counted from the start.
    pub at: Span,
    /// Why.
    pub cause: WithdrawCause,
}

/// It gets better: every platform that flagged it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cured {
    /// Which share of the episodes, in parts per million.
    pub share_ppm: u64,
    /// How long after the onset.
    pub after: Spread,
    /// What got better.
    pub kind: CureKind,
}

/// The borrower objects, through another lender or, where there is none, through any other platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disputed {
    /// To which share of the flags, in parts per million.
    pub share_ppm: u64,
    /// How long after the flag.
    pub after: Spread,
    /// The chance that the issuer answers, in parts per million.
    pub answered_ppm: u64,
    /// How long after the objection.
    pub answer: Spread,
    /// The chance that the issuer says that the borrower is right, in parts per million.
    pub upheld_ppm: u64,
}

/// Other platforms repeat a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echoed {
    /// Who may.
    pub by: Seers,
    /// The chance that each of them does, in parts per million.
    pub share_ppm: u64,
    /// How long after the flag.
    pub after: Spread,
    /// Whether they say so.
    pub declared: Declared,
    /// How long after the flag's end by its issuer they take theirs back; never, where left out.
    pub withdrawn_after: Option<Spread>,
}

/// Whether a platform that repeats a flag says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// Its flag is derived from the other.
    Derived,
    /// Its flag looks like one of its own.
    FirstHand,
}

/// The borrower draws money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draws {
    /// How often, each time at any platform.
    pub count: Numbers,
    /// How long after the onset.
    pub within: Spread,
    /// How much each time, in the smallest unit of a currency.
    pub amount: Numbers,
}

impl Scenario {
    /// When it ends.
    pub fn end(&self) -> Time {
        self.start.plus(self.horizon)
    }

    /// The name of a platform.
    pub fn member(&self, platform: u32) -> MemberId {
        member(self.platforms.count, platform)
    }

    /// Whether any platform counts receipts at any time.
    pub fn counts_receipts(&self) -> bool {
        let counts = |policy: &Policy| policy.peer_receipts == PeerReceipts::Count;
        let overlays = self.platforms.overlays.iter();
        self.platforms.follows != Follows::Nobody
            && (self.policies.all().any(counts)
                || overlays
                    .flat_map(|some| self.policies.all().map(|p| some.overlay.over(p)))
                    .any(|policy| counts(&policy)))
    }
}

/// The name of the `platform`-th of `count` platforms, counted from 0.
fn member(count: u32, platform: u32) -> MemberId {
    let width = count.to_string().len();
    format!("p{:0width$}", platform + 1).parse().expect("a letter and digits make a member id")
}

impl Spread {
    /// Always the same.
    pub const fn fixed(span: Span) -> Self {
        Self { least: span, most: span }
    }

    /// One of them.
    pub(super) fn draw(&self, dice: &mut Dice) -> Span {
        let room = self.most.micros() - self.least.micros();
        let more = dice.below(u64::try_from(room).unwrap_or(0).saturating_add(1));
        let micros = self.least.micros().saturating_add(i64::try_from(more).unwrap_or(0));
        Span::from_micros(micros).unwrap_or(Span::MAX)
    }
}

impl Numbers {
    /// One of them.
    pub(super) fn draw(&self, dice: &mut Dice) -> u64 {
        self.least + dice.below((self.most - self.least).saturating_add(1))
    }
}
