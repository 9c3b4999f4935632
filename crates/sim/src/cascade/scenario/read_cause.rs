//! A `[[cause]]` of the scenario file.

use interlock_engine::text::{Item, Table};
use interlock_record::{IdType, Span};

use super::read::{Read, span};
use super::read_parts::{numbers, platform_of, spread};
use super::{
    Cause, Cured, Declared, Disputed, Draws, Echoed, MAX_EPISODES, MAX_STAGES, Numbers, PPM,
    Recalled, Seers, Spread, Stage, Withdrawn,
};

/// The longest name of a cause in bytes: that of a rule version.
const MAX_NAME_BYTES: usize = 64;
/// The most draws of one episode.
const MAX_DRAWS: u64 = 1_024;
/// The greatest amount of a draw.
const MAX_AMOUNT: u64 = 1_000_000_000_000;
const CERTAIN: Numbers = Numbers { least: 100, most: 100 };
const ONCE: Numbers = Numbers { least: 1, most: 1 };

pub(super) fn cause(table: &mut Table<'_>, platforms: u32) -> Read<Cause> {
    let share = |item: &Item<'_>| item.whole(0..=PPM);
    let now = Spread::fixed(Span::ZERO);
    let name = name(&table.require("name")?)?;
    let read = Cause {
        name,
        share_ppm: share(&table.require("share_ppm")?)?,
        customers_of: table.optional("customers_of", |item| platform_of(item, platforms))?,
        onset: spread(&table.require("onset")?)?,
        episodes: table
            .optional("episodes", |item| numbers(item, 1..=MAX_EPISODES))?
            .unwrap_or(ONCE),
        every: table.optional("every", spread)?.unwrap_or(now),
        seers: seers(&table.require("seers")?, platforms)?,
        seen_ppm: table.optional("seen_ppm", share)?.unwrap_or(PPM),
        noticed: table.optional("noticed", spread)?.unwrap_or(now),
        reason: table.require("reason")?.parse()?,
        confidence: table.optional("confidence", |item| numbers(item, 1..=100))?.unwrap_or(CERTAIN),
        id_type: table.optional("id_type", Item::parse)?.unwrap_or(IdType::IdNumber),
        expires: table.optional("expires", |item| span(item, Span::from_secs(1)))?,
        lasts: table.optional("lasts", |item| span(item, Span::ZERO))?,
        stages: stages(&table.require("stages")?)?,
        withdrawn: table.optional("withdrawn", |item| item.table(withdrawn))?,
        recalled: table.optional("recalled", |item| item.table(recalled))?,
        cured: table.optional("cured", |item| item.table(cured))?,
        disputed: table.optional("disputed", |item| item.table(disputed))?,
        echoed: table.optional("echoed", |item| item.table(|table| echoed(table, platforms)))?,
        draws: table.optional("draws", |item| item.table(draws))?,
    };
    if read.episodes.most > 1 && read.every.least == Span::ZERO {
        return Err(table.error("every: required above 0s where there is more than one episode"));
    }
    Ok(read)
}

/// The most statements that a cause can lead to about one borrower.
pub(super) fn statements(cause: &Cause, platforms: u32, most_lenders: u64) -> u64 {
    let number = |seers: Seers| match seers {
        Seers::Lenders => most_lenders,
        Seers::OneLender | Seers::One(_) => 1,
        Seers::Platforms => u64::from(platforms),
    };
    let echoes = cause.echoed.map_or(0, |echoed| 2 * number(echoed.by));
    // The flag, its withdrawal, recall, cure, objection and answer, two releases, and the echoes.
    let of_a_flag = 8 + echoes;
    let flags = cause.episodes.most * cause.stages.len() as u64 * number(cause.seers);
    flags.saturating_mul(of_a_flag)
}

fn name(item: &Item<'_>) -> Read<String> {
    let text = item.text()?;
    let fits = (1..=MAX_NAME_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !fits {
        return Err(item.error(format!(
            "expected a name of 1 to {MAX_NAME_BYTES} letters, digits, hyphens and underscores"
        )));
    }
    Ok(text.to_owned())
}

fn seers(item: &Item<'_>, platforms: u32) -> Read<Seers> {
    match item.text()? {
        "lenders" => Ok(Seers::Lenders),
        "one-lender" => Ok(Seers::OneLender),
        "platforms" => Ok(Seers::Platforms),
        name if name.starts_with('p') => platform_of(item, platforms).map(Seers::One),
        other => Err(item.error(format!(
            "expected \"lenders\", \"one-lender\", \"platforms\" or a platform's name, got {other:?}"
        ))),
    }
}

fn stages(item: &Item<'_>) -> Read<Vec<Stage>> {
    let mut stages: Vec<Stage> = Vec::new();
    for entry in item.list(MAX_STAGES)? {
        let first = stages.is_empty();
        let stage = entry.table(|table| {
            Ok(Stage {
                after: table
                    .optional("after", |item| span(item, Span::ZERO))?
                    .unwrap_or(Span::ZERO),
                goes_on_ppm: table
                    .optional("goes_on_ppm", |item| item.whole(0..=PPM))?
                    .unwrap_or(PPM),
                severity: table.require("severity")?.parse()?,
                applied: table.require("applied")?.parse()?,
                deserves: table.require("deserves")?.parse()?,
            })
        })?;
        if stages.last().is_some_and(|last| last.after >= stage.after) {
            return Err(entry.error("expected `after` to rise from stage to stage"));
        }
        if first && stage.goes_on_ppm != PPM {
            return Err(entry.error(
                "expected the first stage without goes_on_ppm: share_ppm says whom it befalls",
            ));
        }
        stages.push(stage);
    }
    if stages.is_empty() {
        return Err(item.error("expected at least one stage"));
    }
    Ok(stages)
}

fn withdrawn(table: &mut Table<'_>) -> Read<Withdrawn> {
    Ok(Withdrawn {
        share_ppm: table.require("share_ppm")?.whole(0..=PPM)?,
        after: spread(&table.require("after")?)?,
        cause: table.require("cause")?.parse()?,
    })
}

fn recalled(table: &mut Table<'_>) -> Read<Recalled> {
    Ok(Recalled { at: table.require("at")?.parse()?, cause: table.require("cause")?.parse()? })
}

fn cured(table: &mut Table<'_>) -> Read<Cured> {
    Ok(Cured {
        share_ppm: table.require("share_ppm")?.whole(0..=PPM)?,
        after: spread(&table.require("after")?)?,
        kind: table.require("kind")?.parse()?,
    })
}

fn disputed(table: &mut Table<'_>) -> Read<Disputed> {
    Ok(Disputed {
        share_ppm: table.require("share_ppm")?.whole(0..=PPM)?,
        after: spread(&table.require("after")?)?,
        answered_ppm: table.require("answered_ppm")?.whole(0..=PPM)?,
        answer: spread(&table.require("answer")?)?,
        upheld_ppm: table.require("upheld_ppm")?.whole(0..=PPM)?,
    })
}

fn echoed(table: &mut Table<'_>, platforms: u32) -> Read<Echoed> {
    let choices = [("derived", Declared::Derived), ("first-hand", Declared::FirstHand)];
    let declared = table.choice("declared", &choices)?;
    Ok(Echoed {
        by: seers(&table.require("by")?, platforms)?,
        share_ppm: table.require("share_ppm")?.whole(0..=PPM)?,
        after: spread(&table.require("after")?)?,
        declared: declared
            .ok_or_else(|| table.error("declared: required, \"derived\" or \"first-hand\""))?,
        withdrawn_after: table.optional("withdrawn_after", spread)?,
    })
}

fn draws(table: &mut Table<'_>) -> Read<Draws> {
    Ok(Draws {
        count: numbers(&table.require("count")?, 1..=MAX_DRAWS)?,
        within: spread(&table.require("within")?)?,
        amount: numbers(&table.require("amount")?, 1..=MAX_AMOUNT)?,
    })
}
