//! A member's own overlay of the policy: whom it trusts, whose receipts it counts, which weight
//! makes which measure. It changes this member's own decision, never the consortium's.

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{Measure, MemberId};

use crate::limits::{MAX_POLICY_BYTES, MAX_TRUST_PERCENT};
use crate::policy::{Confirm, MeasurePolicy, PeerReceipts, Policy, Rule, read_members, read_rules};
use crate::text::{FileError, Item, Table, parse_toml};

const FORMAT: u64 = 1;

/// A member's own overlay of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    text: String,
    default_trust: Option<u64>,
    trust: BTreeMap<MemberId, u64>,
    peers: Option<BTreeSet<MemberId>>,
    peer_receipts: Option<PeerReceipts>,
    rules: BTreeMap<Measure, Vec<Rule>>,
    manual: BTreeSet<Measure>,
}

type Read<T> = Result<T, FileError>;

impl Overlay {
    /// Reads an overlay. `file` is its name, for errors only.
    ///
    /// # Errors
    /// [`FileError`] with line and what was expected, for anything that is not understood.
    pub fn parse(file: &str, text: &str) -> Read<Self> {
        if text.len() > MAX_POLICY_BYTES {
            let message =
                format!("expected at most {MAX_POLICY_BYTES} bytes of overlay, got {}", text.len());
            return Err(FileError { file: file.to_owned(), line: 1, message });
        }
        parse_toml(file, text, |table| read(table, text))
    }

    /// The file as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A policy as this member sees it.
    pub fn over(&self, policy: &Policy) -> Policy {
        let mut policy = policy.clone();
        if let Some(default) = self.default_trust {
            policy.default_trust = default;
        }
        policy.trust.extend(&self.trust);
        if let Some(peers) = &self.peers {
            policy.peers.clone_from(peers);
        }
        if let Some(peer_receipts) = self.peer_receipts {
            policy.peer_receipts = peer_receipts;
        }
        let blank = || MeasurePolicy { confirm: Confirm::Auto, rules: Vec::new() };
        for (measure, rules) in &self.rules {
            policy.measures.entry(*measure).or_insert_with(blank).rules.clone_from(rules);
        }
        for measure in &self.manual {
            policy.measures.entry(*measure).or_insert_with(blank).confirm = Confirm::Manual;
        }
        policy
    }
}

fn read(table: &mut Table<'_>, text: &str) -> Read<Overlay> {
    table.require("version")?.whole(FORMAT..=FORMAT)?;
    let (default_trust, trust) =
        table.take("trust").map(|item| trust(&item)).transpose()?.unwrap_or_default();
    let peers = table.take("peers").map(|item| read_members(&item)).transpose()?;
    let peer_receipts = table.take("peer_receipts").map(|item| receipts(&item)).transpose()?;
    let mut overlay = Overlay {
        text: text.to_owned(),
        default_trust,
        trust,
        peers,
        peer_receipts,
        rules: BTreeMap::new(),
        manual: BTreeSet::new(),
    };
    if let Some(item) = table.take("measure") {
        item.table(|table| measures(table, &mut overlay))?;
    }
    Ok(overlay)
}

fn receipts(item: &Item<'_>) -> Read<PeerReceipts> {
    match item.text()? {
        "ignore" => Ok(PeerReceipts::Ignore),
        "count" => Ok(PeerReceipts::Count),
        other => Err(item.error(format!("expected \"ignore\" or \"count\", got {other:?}"))),
    }
}

fn trust(item: &Item<'_>) -> Read<(Option<u64>, BTreeMap<MemberId, u64>)> {
    let percent = |item: &Item<'_>| item.whole(0..=MAX_TRUST_PERCENT);
    item.table(|table| {
        let default = table.take("default").map(|item| percent(&item)).transpose()?;
        let rest = table.take_rest().into_iter().map(|(name, item)| {
            Ok((name.parse().map_err(|error| item.key_error(error))?, percent(&item)?))
        });
        Ok((default, rest.collect::<Read<_>>()?))
    })
}

fn measures(table: &mut Table<'_>, overlay: &mut Overlay) -> Read<()> {
    for (name, item) in table.take_rest() {
        let measure: Measure = name.parse().map_err(|error| item.key_error(error))?;
        if measure == Measure::None {
            return Err(item.key_error("expected a measure above NONE"));
        }
        item.table(|table| {
            if let Some(item) = table.take("rule") {
                overlay.rules.insert(measure, read_rules(&item)?);
            }
            if let Some(item) = table.take("confirm") {
                // A member may ask for a person where the consortium does not, not spare one.
                if item.text()? != "manual" {
                    return Err(item.error("expected \"manual\": an overlay spares no person"));
                }
                overlay.manual.insert(measure);
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
