//! The report on independence, as text and as JSON.

use std::fmt;

use interlock_record::Span;
use interlock_sim::independence::{self as rules, Chance, Finding, Report, Verdict};
use serde::Serialize;

use super::seen::Seen;
use super::witnesses::LocksView;
use crate::output::counted;
use crate::table::Table;

const DAY_MICROS: i64 = 86_400_000_000;
const HOUR_MICROS: i64 = DAY_MICROS / 24;
const MINUTE_MICROS: i64 = HOUR_MICROS / 60;

/// The report.
#[derive(Debug, Serialize)]
pub(super) struct IndependenceView {
    members: Vec<MemberView>,
    pairs: Vec<PairView>,
    /// How many pairs have flags enough to be tested.
    tested: u64,
    /// Of how many pairs nothing can be said.
    too_few: u64,
    /// Members that would be one witness if all that was found were acted on.
    pub groups: Vec<Vec<String>>,
    limits: Limits,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locks: Option<LocksView>,
}

/// One member.
#[derive(Debug, Serialize)]
struct MemberView {
    member: String,
    subjects: u64,
    imported: u64,
    echoes: u64,
}

/// One ordered pair.
#[derive(Debug, Serialize)]
struct PairView {
    follower: String,
    source: String,
    verdict: &'static str,
    /// Which source explains it better.
    #[serde(skip_serializing_if = "Option::is_none")]
    through: Option<String>,
    flags: u64,
    occasions: u64,
    led: u64,
    trailed: u64,
    led_permille: u64,
    chance_permille: u64,
    chance: &'static str,
    explained_permille: u64,
    first_permille: u64,
    lag_lower_quartile_us: Option<i64>,
    lag_median_us: Option<i64>,
    lag_upper_quartile_us: Option<i64>,
    probability: f64,
}

/// What a pair must reach to be found.
#[derive(Debug, Serialize)]
struct Limits {
    lag: Span,
    min_flags: u64,
    min_occasions: u64,
    min_explained_permille: u64,
    min_first_permille: u64,
    significance: f64,
}

impl IndependenceView {
    pub(super) fn of(seen: &Seen, all: bool) -> Self {
        let report = Report::of(&seen.observed);
        let tells = |finding: &&Finding| {
            all || !matches!(finding.verdict, Verdict::Nothing | Verdict::TooFew)
        };
        let too_few = report.findings.iter().filter(|one| one.verdict == Verdict::TooFew).count();
        let echoes = |issuer: &String| seen.counts.get(issuer).map_or(0, |count| count.echoes);
        let members = report.members.iter().map(|member| MemberView {
            member: member.issuer.clone(),
            subjects: member.subjects,
            imported: member.imported,
            echoes: echoes(&member.issuer),
        });
        Self {
            members: members.collect(),
            pairs: report.findings.iter().filter(tells).map(PairView::of).collect(),
            tested: report.tested,
            too_few: too_few as u64,
            groups: report.groups().into_iter().map(|group| group.into_iter().collect()).collect(),
            limits: Limits {
                lag: rules::LAG_LIMIT,
                min_flags: rules::MIN_FLAGS,
                min_occasions: rules::MIN_OCCASIONS,
                min_explained_permille: rules::MIN_EXPLAINED_PERMILLE,
                min_first_permille: rules::MIN_FIRST_PERMILLE,
                significance: rules::SIGNIFICANCE,
            },
            locks: None,
        }
    }
}

impl PairView {
    fn of(finding: &Finding) -> Self {
        let (verdict, through) = match &finding.verdict {
            Verdict::Follows => ("FOLLOWS", None),
            Verdict::Through(source) => ("THROUGH", Some(source.clone())),
            Verdict::Unclear => ("UNCLEAR", None),
            Verdict::Nothing => ("NOTHING", None),
            Verdict::TooFew => ("TOO_FEW", None),
        };
        Self {
            follower: finding.follower.clone(),
            source: finding.source.clone(),
            verdict,
            through,
            flags: finding.flags,
            occasions: finding.occasions,
            led: finding.led,
            trailed: finding.trailed,
            led_permille: finding.led_permille,
            chance_permille: finding.chance_permille,
            chance: match finding.chance {
                Chance::Shuffled => "SHUFFLED",
                Chance::Others => "OTHERS",
            },
            explained_permille: finding.explained_permille,
            first_permille: finding.first_permille,
            lag_lower_quartile_us: finding.lags.map(|lags| lags.lower_quartile.micros()),
            lag_median_us: finding.lags.map(|lags| lags.median.micros()),
            lag_upper_quartile_us: finding.lags.map(|lags| lags.upper_quartile.micros()),
            probability: finding.probability,
        }
    }

    fn says(&self) -> String {
        match &self.through {
            Some(source) => format!("{} {source}", self.verdict),
            None => self.verdict.to_owned(),
        }
    }

    fn lags(&self) -> String {
        let quartiles =
            [self.lag_median_us, self.lag_lower_quartile_us, self.lag_upper_quartile_us];
        let [Some(median), Some(lower), Some(upper)] = quartiles else { return "-".to_owned() };
        format!("{} ({} to {})", lag(median), lag(lower), lag(upper))
    }
}

/// A lag for people: one number and one decimal, in a unit that fits.
fn lag(micros: i64) -> String {
    let (unit, name) = match micros {
        DAY_MICROS.. => (DAY_MICROS, "d"),
        HOUR_MICROS.. => (HOUR_MICROS, "h"),
        MINUTE_MICROS.. => (MINUTE_MICROS, "m"),
        _ => (1_000_000, "s"),
    };
    let tenths = micros / (unit / 10);
    format!("{}.{}{name}", tenths / 10, tenths % 10)
}

fn percent(permille: u64) -> String {
    format!("{}.{}%", permille / 10, permille % 10)
}

impl fmt::Display for IndependenceView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pairs.is_empty() {
            writeln!(f, "no member follows another too faithfully")?;
        } else {
            writeln!(f, "{}", self.table())?;
        }
        writeln!(
            f,
            "{} compared, of {} too few flags to say anything",
            counted(self.tested, "pair"),
            self.too_few
        )?;
        for group in &self.groups {
            writeln!(f, "not independent by this report: {}", group.join(", "))?;
        }
        if let Some(locks) = &self.locks {
            write_locks(f, locks)?;
        }
        write!(
            f,
            "This is advice and changes nothing. A quorum acts on it by giving such members the same group in the charter's next version."
        )
    }
}

impl IndependenceView {
    fn table(&self) -> Table {
        let titles = [
            "MEMBER",
            "AFTER",
            "VERDICT",
            "FLAGS",
            "LED",
            "CHANCE",
            "EXPLAINED",
            "FIRST",
            "LAG (QUARTILES)",
            "P BELOW",
        ];
        let right = ["FLAGS", "LED", "CHANCE", "EXPLAINED", "FIRST", "P BELOW"];
        let mut table = Table::new(&titles).right(&right);
        for pair in &self.pairs {
            table.row([
                pair.follower.clone(),
                pair.source.clone(),
                pair.says(),
                pair.flags.to_string(),
                percent(pair.led_permille),
                percent(pair.chance_permille),
                percent(pair.explained_permille),
                percent(pair.first_permille),
                pair.lags(),
                format!("{:.0e}", pair.probability),
            ]);
        }
        table
    }
}

fn write_locks(f: &mut fmt::Formatter<'_>, locks: &LocksView) -> fmt::Result {
    let groups: Vec<String> = locks.groups.iter().map(|group| group.join(" + ")).collect();
    writeln!(
        f,
        "\nlocks among {}, each member a witness, and with one witness each: {}",
        counted(locks.subjects, "subject"),
        if groups.is_empty() { "nobody".to_owned() } else { groups.join("; ") }
    )?;
    let titles = ["WITNESSES", "EVER", "EVER GROUPED", "AT THE END", "AT THE END GROUPED"];
    let mut table = Table::new(&titles).right(&titles);
    for row in &locks.by_witnesses {
        let counts = [row.witnesses, row.ever, row.ever_grouped, row.at_end, row.at_end_grouped];
        table.row(counts.map(|count| count.to_string()));
    }
    writeln!(f, "{table}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_are_in_a_unit_that_fits() {
        for (micros, expected) in [
            (1_500_000, "1.5s"),
            (MINUTE_MICROS, "1.0m"),
            (HOUR_MICROS - 1, "59.9m"),
            (DAY_MICROS * 3 / 2, "1.5d"),
        ] {
            assert_eq!(lag(micros), expected);
        }
    }
}
