//! The tables of the scenario file that say who there is and how long things take.

use std::collections::BTreeSet;

use interlock_engine::charter::Quota;
use interlock_engine::limits::MAX_THRESHOLD;
use interlock_engine::local::Overlay;
use interlock_engine::text::{Item, Table};
use interlock_record::Span;

use crate::graph::{Direction, NamedGraph, read_edge_list, read_graphml};

use super::read::{Files, Read, span};
use super::{
    Borrowers, Breaker, Delays, Follows, GraphKind, MAX_BORROWERS, MAX_PLATFORMS, Numbers,
    OverlayFor, PPM, Platforms, Receipts, Releases, Review, Sizes, Spread, member,
};

/// The most overlays of a scenario.
const MAX_OVERLAYS: usize = 64;
/// The most entries of the list of numbers of lenders.
const MAX_LENDER_ENTRIES: usize = 64;
const MAX_WEIGHT: u64 = 1_000_000;
const DEFAULT_RELEASE_K: u32 = 2;
const DEFAULT_GOSSIP: Span = Span::from_millis(200);
const DEFAULT_REACT: Span = Span::from_secs(5);
const DEFAULT_REVIEW: Span = Span::from_days(1);

impl Default for Delays {
    fn default() -> Self {
        let react = Spread::fixed(DEFAULT_REACT);
        Self { gossip: Spread::fixed(DEFAULT_GOSSIP), react, reopen: react }
    }
}

impl Default for Review {
    fn default() -> Self {
        let after = Spread::fixed(DEFAULT_REVIEW);
        Self { after, confirms_true_ppm: PPM, confirms_false_ppm: 0 }
    }
}

pub(super) fn platforms(table: &mut Table<'_>, files: &Files<'_>) -> Read<Platforms> {
    let count = small(&table.require("count")?, 1..=MAX_PLATFORMS)?;
    let follows = table.optional("follows", |item| follows(item, count, files))?;
    let sizes = table.choice("sizes", &[("equal", Sizes::Equal), ("zipf", Sizes::Zipf)])?;
    let receipts =
        table.choice("receipts", &[("named", Receipts::Named), ("unnamed", Receipts::Unnamed)])?;
    let mut taken = BTreeSet::new();
    let overlays = table.optional("overlay", |item| {
        let overlays = item.list(MAX_OVERLAYS)?;
        overlays
            .iter()
            .map(|item| item.table(|table| overlay(table, count, &mut taken, files)))
            .collect()
    })?;
    Ok(Platforms {
        count,
        follows: follows.unwrap_or(Follows::Everyone),
        sizes: sizes.unwrap_or(Sizes::Equal),
        receipts: receipts.unwrap_or(Receipts::Named),
        overlays: overlays.unwrap_or_default(),
        breaker: table.optional("breaker", |item| item.table(breaker))?,
    })
}

fn follows(item: &Item<'_>, count: u32, files: &Files<'_>) -> Read<Follows> {
    match item.text() {
        Ok("everyone") => return Ok(Follows::Everyone),
        Ok("nobody") => return Ok(Follows::Nobody),
        Ok(_) => {
            return Err(
                item.error("expected \"everyone\", \"nobody\" or a table that names a graph")
            );
        }
        Err(_) => {}
    }
    let others = u64::from(count).saturating_sub(1);
    let kind = item.table(|table| {
        let graph = table.require("graph")?;
        match graph.text()? {
            "random" => {
                let item = table.require("mean_degree_milli")?;
                Ok(GraphKind::Random { mean_degree_milli: item.whole(0..=others * 1_000)? })
            }
            "preferential" => {
                let item = table.require("links")?;
                Ok(GraphKind::Preferential { links: small(&item, 1..=others.max(1))? })
            }
            "small-world" => {
                let item = table.require("degree")?;
                let degree = small(&item, 2..=others.max(2))?;
                if !degree.is_multiple_of(2) {
                    return Err(item.error(format!("expected an even number, got {degree}")));
                }
                let rewired_ppm = table.require("rewired_ppm")?.whole(0..=PPM)?;
                Ok(GraphKind::SmallWorld { degree, rewired_ppm })
            }
            "degrees" => {
                let item = table.require("degrees")?;
                let degrees = item.list(interlock_engine::limits::MAX_MEMBERS)?;
                if degrees.len() != count as usize {
                    return Err(item.error(format!(
                        "expected a number for each of {count} platforms, got {}",
                        degrees.len()
                    )));
                }
                let degrees = degrees.iter().map(|entry| small(entry, 0..=others));
                Ok(GraphKind::Degrees(degrees.collect::<Read<_>>()?))
            }
            "file" => {
                let item = table.require("file")?;
                let (name, text) = files.text(&item, &[])?;
                given(&item, &name, &text, count).map(GraphKind::Given)
            }
            other => Err(graph.error(format!(
                "expected \"random\", \"preferential\", \"small-world\", \"degrees\" or \"file\", got {other:?}"
            ))),
        }
    })?;
    Ok(Follows::Graph(kind))
}

/// Reads a graph from a file: GraphML where its name says so, else a list of edges.
fn given(item: &Item<'_>, file: &str, text: &str, count: u32) -> Read<Vec<(u32, u32)>> {
    let NamedGraph { graph, names } = if file.ends_with(".graphml") {
        read_graphml(file, text)?
    } else {
        read_edge_list(file, text, Direction::OneWay)?
    };
    let mut platforms = Vec::with_capacity(names.len());
    for name in &names {
        platforms.push(platform(name, count).ok_or_else(|| {
            let (first, last) = (member(count, 0), member(count, count - 1));
            item.error(format!("expected a graph of platforms {first} to {last}, got {name:?}"))
        })?);
    }
    let mut edges = Vec::new();
    for (node, platform) in (0..).zip(&platforms) {
        for other in graph.neighbours(node) {
            edges.push((*platform, platforms[*other as usize]));
        }
    }
    Ok(edges)
}

fn overlay(
    table: &mut Table<'_>,
    count: u32,
    taken: &mut BTreeSet<u32>,
    files: &Files<'_>,
) -> Read<OverlayFor> {
    let (name, text) = files.text(&table.require("file")?, &[])?;
    let overlay = Overlay::parse(&name, &text)?;
    let mut members = Vec::new();
    let next = table.take("count");
    let listed = table.take("members");
    match (next, listed) {
        (Some(item), None) => {
            let left = u64::from(count) - taken.len() as u64;
            let wanted = usize::try_from(item.whole(1..=left.max(1))?).unwrap_or(usize::MAX);
            members.extend((0..count).filter(|platform| !taken.contains(platform)).take(wanted));
        }
        (None, Some(item)) => {
            for entry in item.list(interlock_engine::limits::MAX_MEMBERS)? {
                let platform = platform_of(&entry, count)?;
                if taken.contains(&platform) || members.contains(&platform) {
                    return Err(entry.error("expected each platform to have one overlay"));
                }
                members.push(platform);
            }
        }
        _ => return Err(table.error("expected either count or members")),
    }
    taken.extend(&members);
    Ok(OverlayFor { overlay, members })
}

fn breaker(table: &mut Table<'_>) -> Read<Breaker> {
    let releases = table.choice(
        "releases",
        &[("none", Releases::None), ("true", Releases::True), ("all", Releases::All)],
    )?;
    let release_k = table.optional("release_k", |item| small(item, 1..=MAX_PLATFORMS))?;
    Ok(Breaker {
        quota: Quota {
            flags: table.require("flags")?.whole(0..=MAX_THRESHOLD)?,
            window: span(&table.require("window")?, Span::from_secs(1))?,
        },
        release_k: release_k.unwrap_or(DEFAULT_RELEASE_K),
        releases: releases.unwrap_or(Releases::None),
        released_after: table
            .optional("released_after", spread)?
            .unwrap_or(Spread::fixed(Span::from_days(1))),
    })
}

pub(super) fn borrowers(table: &mut Table<'_>, platforms: &Platforms) -> Read<Borrowers> {
    let count = small(&table.require("count")?, 1..=MAX_BORROWERS)?;
    let list = table.require("lenders")?;
    let mut lenders = Vec::new();
    for entry in list.list(MAX_LENDER_ENTRIES)? {
        lenders.push(entry.table(|table| {
            let count = table.require("count")?.whole(1..=u64::from(platforms.count))?;
            Ok((count, table.require("weight")?.whole(1..=MAX_WEIGHT)?))
        })?);
    }
    if lenders.is_empty() {
        return Err(list.error("expected at least one entry like { count = 1, weight = 1 }"));
    }
    Ok(Borrowers { count, lenders })
}

pub(super) fn delays(table: &mut Table<'_>) -> Read<Delays> {
    let usual = Delays::default();
    let react = table.optional("react", spread)?.unwrap_or(usual.react);
    Ok(Delays {
        gossip: table.optional("gossip", spread)?.unwrap_or(usual.gossip),
        react,
        reopen: table.optional("reopen", spread)?.unwrap_or(react),
    })
}

pub(super) fn review(table: &mut Table<'_>) -> Read<Review> {
    let usual = Review::default();
    let share = |item: &Item<'_>| item.whole(0..=PPM);
    Ok(Review {
        after: table.optional("after", spread)?.unwrap_or(usual.after),
        confirms_true_ppm: table
            .optional("confirms_true_ppm", share)?
            .unwrap_or(usual.confirms_true_ppm),
        confirms_false_ppm: table
            .optional("confirms_false_ppm", share)?
            .unwrap_or(usual.confirms_false_ppm),
    })
}

/// One duration, or the least and the most of them.
pub(super) fn spread(item: &Item<'_>) -> Read<Spread> {
    if item.text().is_ok() {
        return Ok(Spread::fixed(item.parse()?));
    }
    let Ok(ends) = item.list(2) else {
        return Err(item.error("expected a duration like \"2h\", or two like [\"1h\", \"3d\"]"));
    };
    let [least, most] = ends.as_slice() else {
        return Err(item.error("expected two durations, the least and the most"));
    };
    let spread = Spread { least: least.parse()?, most: most.parse()? };
    if spread.most < spread.least {
        return Err(most.error(format!("expected at least {}", spread.least)));
    }
    Ok(spread)
}

/// One whole number, or the least and the most of them.
pub(super) fn numbers(item: &Item<'_>, range: std::ops::RangeInclusive<u64>) -> Read<Numbers> {
    let Ok(ends) = item.list(2) else {
        let number = item.whole(range)?;
        return Ok(Numbers { least: number, most: number });
    };
    let [least, most] = ends.as_slice() else {
        return Err(item.error("expected two whole numbers, the least and the most"));
    };
    let numbers = Numbers { least: least.whole(range.clone())?, most: most.whole(range)? };
    if numbers.most < numbers.least {
        return Err(most.error(format!("expected at least {}", numbers.least)));
    }
    Ok(numbers)
}

/// One of the platforms, by its name.
pub(super) fn platform_of(item: &Item<'_>, count: u32) -> Read<u32> {
    let name = item.text()?;
    platform(name, count).ok_or_else(|| {
        let (first, last) = (member(count, 0), member(count, count - 1));
        item.error(format!("expected a platform from {first} to {last}, got {name:?}"))
    })
}

fn platform(name: &str, count: u32) -> Option<u32> {
    let number: u32 = name.strip_prefix('p')?.parse().ok()?;
    let platform = number.checked_sub(1).filter(|platform| *platform < count)?;
    (member(count, platform).as_str() == name).then_some(platform)
}

fn small(item: &Item<'_>, range: std::ops::RangeInclusive<u64>) -> Read<u32> {
    let number = item.whole(range)?;
    u32::try_from(number).map_err(|_| item.error("expected a number below 2^32"))
}
