//! The verdict on a bundle, for people and for programs.

use std::fmt;

use interlock_engine::proof::{CANNOT_SHOW, Said, Verdict};
use interlock_engine::replica::Unmeant;
use interlock_engine::timeline::{FlagAccount, MeasureAccount};
use interlock_record::{FeedId, Measure, Statement, Time};
use serde::Serialize;

use crate::output::{counted, printable};
use crate::table::Table;
use crate::view::{or_dash, short};

#[derive(Debug, Serialize)]
pub(super) struct VerdictView {
    verified: bool,
    consortium: String,
    consortium_checked: bool,
    consortium_name: String,
    charter_version: u32,
    subject: String,
    at: Time,
    /// By the word of the node that made the file.
    known: KnownView,
    announced: Measure,
    effective: Measure,
    statements: Vec<SaidView>,
    measures: Vec<SumView>,
    transitions: Vec<ChangeView>,
    in_force: Vec<InForceView>,
    forks: Vec<String>,
    voids: Vec<String>,
    signatures: u32,
    on_its_word: Vec<String>,
    cannot_show: [&'static str; 4],
}

#[derive(Debug, Serialize)]
struct KnownView {
    records: u64,
    frontier_digest: String,
    event: Option<EventView>,
}

#[derive(Debug, Serialize)]
struct EventView {
    number: u64,
    change: &'static str,
    from: Measure,
    to: Measure,
    at: Time,
}

#[derive(Debug, Serialize)]
struct SaidView {
    statement: String,
    issuer: String,
    feed: u32,
    sequence: u64,
    index: u32,
    time: Time,
    kind: &'static str,
    says: String,
    means_nothing: Option<&'static str>,
    held: bool,
    seen_by_groups: u64,
    of_groups: u64,
    flag: Option<PointsView>,
}

#[derive(Debug, Serialize)]
struct PointsView {
    standing: String,
    base: u64,
    confidence: u64,
    trust: u64,
    decay: u64,
    cured: u64,
    points: u64,
    supports: Measure,
}

#[derive(Debug, Serialize)]
struct SumView {
    measure: Measure,
    points: u64,
    issuers: u64,
    peer_permille: u64,
    entered: bool,
    rules: Vec<RuleView>,
}

#[derive(Debug, Serialize)]
struct RuleView {
    points: u64,
    issuers: u64,
    peer_permille: u64,
    exit_points: u64,
    entered: bool,
    kept: bool,
}

#[derive(Debug, Serialize)]
struct ChangeView {
    at: Time,
    from: Measure,
    to: Measure,
    because: Vec<String>,
}

#[derive(Debug, Serialize)]
struct InForceView {
    at: Time,
    measure: Measure,
}

impl VerdictView {
    pub(super) fn of(verdict: &Verdict) -> Self {
        let place = |(feed, sequence): &(FeedId, u64)| format!("{feed} #{sequence}");
        let taken = &verdict.taken;
        let event = taken.told.as_ref().map(|told| EventView {
            number: told.entry,
            change: told.kind,
            from: told.from,
            to: told.to,
            at: told.changed_at,
        });
        let decided = &verdict.decided;
        let changes = decided.transitions.iter().map(|(at, from, to, because)| ChangeView {
            at: *at,
            from: *from,
            to: *to,
            because: because.iter().map(ToString::to_string).collect(),
        });
        let in_force = decided.effective.iter();
        Self {
            verified: true,
            consortium: verdict.consortium.to_string(),
            consortium_checked: verdict.consortium_checked,
            consortium_name: verdict.consortium_name.clone(),
            charter_version: verdict.charter_version,
            subject: verdict.subject.to_string(),
            at: taken.at,
            known: KnownView {
                records: taken.arrivals,
                frontier_digest: taken.frontier.to_string(),
                event,
            },
            announced: decided.announced_now,
            effective: decided.effective_now,
            statements: statements(verdict),
            measures: verdict.explanation.measures.iter().map(sum).collect(),
            transitions: changes.collect(),
            in_force: in_force
                .map(|(at, measure)| InForceView { at: *at, measure: *measure })
                .collect(),
            forks: verdict.forks.iter().map(place).collect(),
            voids: verdict.voids.iter().map(place).collect(),
            signatures: verdict.signatures,
            on_its_word: verdict.on_its_word.clone(),
            cannot_show: CANNOT_SHOW,
        }
    }
}

/// Every statement, the flags that mean something with their account.
fn statements(verdict: &Verdict) -> Vec<SaidView> {
    let mut accounts = verdict.explanation.flags.iter();
    let view = |said: &Said| {
        let is_flag = matches!(said.statement, Statement::Flag(_));
        let account = if is_flag && said.unmeant.is_none() { accounts.next() } else { None };
        SaidView {
            statement: said.id.to_string(),
            issuer: said.position.member.to_string(),
            feed: said.position.feed.0,
            sequence: said.position.sequence,
            index: said.position.index,
            time: said.position.time,
            kind: said.statement.kind(),
            says: says(&said.statement),
            means_nothing: said.unmeant.map(Unmeant::name),
            held: said.held,
            seen_by_groups: said.seen_by.groups,
            of_groups: said.seen_by.of,
            flag: account.map(points),
        }
    };
    verdict.said.iter().map(view).collect()
}

/// What a statement says, in short; texts of its issuer's making are left to the JSON of `flag list`.
fn says(statement: &Statement) -> String {
    match statement {
        Statement::Flag(flag) => format!(
            "{} {} {}%, applied {}, observed {}",
            flag.reason, flag.severity, flag.confidence, flag.applied_measure, flag.observed_at
        ),
        Statement::Withdraw(said) => {
            format!("{} of {}", said.cause, short(&said.statement.to_string()))
        }
        Statement::Recall(said) => format!(
            "{}: flags from {} to {}",
            said.cause,
            or_dash(said.from.as_ref()),
            or_dash(said.to.as_ref())
        ),
        Statement::Dispute(said) => format!("of {}", short(&said.flag.to_string())),
        Statement::Resolve(said) => {
            format!("{} of {}", said.outcome, short(&said.flag.to_string()))
        }
        Statement::Cure(said) => said.kind.to_string(),
        Statement::Receipt(said) => said.measure.to_string(),
        Statement::Release(said) => format!("{} #{}", said.feed, said.sequence),
        Statement::Seen(_) | Statement::Erase(_) => String::new(),
    }
}

fn points(account: &FlagAccount) -> PointsView {
    let factors = account.factors;
    PointsView {
        standing: format!("{:?}", account.standing),
        base: factors.base,
        confidence: factors.confidence,
        trust: factors.trust,
        decay: factors.decay,
        cured: factors.cured,
        points: account.points,
        supports: account.supports,
    }
}

fn sum(account: &MeasureAccount) -> SumView {
    let rules = account.rules.iter().map(|rule| RuleView {
        points: rule.rule.points,
        issuers: rule.rule.issuers,
        peer_permille: rule.rule.peer_permille,
        exit_points: rule.exit_points,
        entered: rule.entered,
        kept: rule.kept,
    });
    SumView {
        measure: account.measure,
        points: account.points,
        issuers: account.issuers,
        peer_permille: account.peer_permille,
        entered: account.rules.iter().any(|rule| rule.entered),
        rules: rules.collect(),
    }
}

impl fmt::Display for VerdictView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "VERIFIED: {} announced, {} in force", self.announced, self.effective)?;
        writeln!(f, "subject     {}", self.subject)?;
        writeln!(f, "at          {}", self.at)?;
        let checked = if self.consortium_checked {
            "as you named it"
        } else {
            "NOT CHECKED: name it with --charter or --consortium; anybody can make one up"
        };
        let name = printable(&self.consortium_name);
        writeln!(f, "consortium  {} ({name}), {checked}", self.consortium)?;
        writeln!(
            f,
            "charter     version {}; {} checked",
            self.charter_version,
            counted(self.signatures, "signature")
        )?;
        if let Some(event) = &self.known.event {
            let EventView { number, change, from, to, at } = event;
            writeln!(f, "event       {number}: {change} {from} to {to} at {at}")?;
        }
        self.write_statements(f)?;
        self.write_sums(f)?;
        self.write_changes(f)?;
        self.write_limits(f)
    }
}

impl VerdictView {
    fn write_statements(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles =
            ["#", "SIGNED BY", "FEED", "RECORD", "AT", "STATEMENT", "SAYS", "SEEN BY", "COUNTS"];
        let mut table = Table::new(&titles).right(&["#", "FEED", "RECORD"]).indented(2);
        for (number, said) in (1u32..).zip(&self.statements) {
            table.row([
                number.to_string(),
                said.issuer.clone(),
                said.feed.to_string(),
                said.sequence.to_string(),
                said.time.to_string(),
                said.kind.to_owned(),
                said.says.clone(),
                format!("{} of {}", said.seen_by_groups, said.of_groups),
                said.means_nothing.map_or("yes", |why| why).to_owned(),
            ]);
        }
        writeln!(f, "\nwho signed what (seen by: other groups that have signed for its record)")?;
        writeln!(f, "{table}")?;
        let titles =
            ["#", "BASE", "CONF%", "TRUST%", "DECAY%", "CURED%", "POINTS", "SUPPORTS", "STANDING"];
        let mut table = Table::new(&titles).right(&titles[..7]).indented(2);
        for (number, said) in (1u32..).zip(&self.statements) {
            let Some(flag) = &said.flag else { continue };
            table.row([
                number.to_string(),
                flag.base.to_string(),
                flag.confidence.to_string(),
                flag.trust.to_string(),
                flag.decay.to_string(),
                flag.cured.to_string(),
                flag.points.to_string(),
                flag.supports.to_string(),
                flag.standing.clone(),
            ]);
        }
        if table.is_empty() {
            return Ok(());
        }
        writeln!(f, "\npoints = base x conf% x trust% x decay% x cured%, rounded down\n{table}")
    }

    fn write_sums(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = ["MEASURE", "POINTS", "OF", "KEPT AT", "WITNESSES", "OF ", "RULE IS"];
        let mut table = Table::new(&titles).right(&titles[1..6]).indented(2);
        for measure in &self.measures {
            for rule in &measure.rules {
                let met = match (rule.entered, rule.kept) {
                    (true, _) => "entered",
                    (false, true) => "kept",
                    (false, false) => "not met",
                };
                table.row([
                    measure.measure.to_string(),
                    measure.points.to_string(),
                    rule.points.to_string(),
                    rule.exit_points.to_string(),
                    measure.issuers.to_string(),
                    rule.issuers.to_string(),
                    met.to_owned(),
                ]);
            }
        }
        if table.is_empty() { Ok(()) } else { writeln!(f, "\nrules at that instant\n{table}") }
    }

    fn write_changes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&["AT", "FROM", "TO", "", "BECAUSE OF"]).indented(2);
        let number_of = |id: &String| {
            let place = self.statements.iter().position(|said| said.statement == *id);
            place.map_or_else(|| short(id), |place| format!("#{}", place + 1))
        };
        for change in &self.transitions {
            let because: Vec<String> = change.because.iter().map(number_of).collect();
            table.row([
                change.at.to_string(),
                change.from.to_string(),
                change.to.to_string(),
                if change.at > self.at { "planned" } else { "" }.to_owned(),
                because.join(", "),
            ]);
        }
        if table.is_empty() {
            return writeln!(f, "\nno measure was ever announced");
        }
        writeln!(f, "\nchanges of the announced measure\n{table}")?;
        let mut table = Table::new(&["FROM", "IN FORCE"]).indented(2);
        for step in &self.in_force {
            table.row([step.at.to_string(), step.measure.to_string()]);
        }
        writeln!(f, "\nin force\n{table}")
    }

    fn write_limits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fork in &self.forks {
            writeln!(f, "\nproof of equivocation: {fork}")?;
        }
        writeln!(f, "\ntaken on the word of the node that made the file:")?;
        writeln!(
            f,
            "  - that {} had come to it by then, and the instant itself",
            counted(self.known.records, "record")
        )?;
        for word in &self.on_its_word {
            writeln!(f, "  - {}", printable(word))?;
        }
        write!(f, "\nno such file can show:")?;
        for limit in self.cannot_show {
            write!(f, "\n  - {limit}")?;
        }
        Ok(())
    }
}
