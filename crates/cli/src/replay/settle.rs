//! After the last event: waiting until all nodes know the same and everything is in force, then
//! comparing what they decided.

use std::collections::BTreeMap;
use std::time::Duration;

use interlock_record::{IdType, Measure, hex};
use interlock_wire::v1::{Decision, LookupRequest, LookupResponse, Subject, SubjectDecision};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::observer::{Observer, status};
use crate::client::{MAX_SUBJECTS, Node, identifier, platform};
use crate::exit::{Exit, Failure};
use crate::term::from_wire;
use crate::view::short;

/// The wait between two looks at nodes that have not settled.
const POLL: Duration = Duration::from_millis(100);
/// A watch that was quiet for so long has nothing more to tell.
const QUIET: Duration = Duration::from_millis(1_500);
/// How often a subject on which nodes differ is looked up again: a transition may fall between.
const MAX_COMPARISONS: u32 = 3;
/// The most differences that are told.
const MAX_DIFFERENCES: usize = 10;

/// What all nodes decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// How many subjects are at each measure.
    pub subjects_at: BTreeMap<Measure, u64>,
    /// Subjects on which nodes differ, and how; not more than a few.
    pub differences: Vec<String>,
    /// On how many subjects nodes differ.
    pub differing: u64,
}

/// The nodes and the subjects that were played through them.
#[derive(Debug)]
pub(super) struct Settling<'a> {
    pub observers: &'a [Observer],
    pub subjects: Vec<&'a str>,
    pub id_type: IdType,
    /// How long all of it may take.
    pub limit: Duration,
}

impl Settling<'_> {
    /// Waits until nothing more is to come, and compares.
    ///
    /// # Errors
    /// [`Failure`] when a node is gone, or when it takes longer than the limit.
    pub(super) async fn outcome(&self) -> Result<Outcome, Failure> {
        let waited = async {
            self.same_frontier().await?;
            self.all_in_force().await?;
            self.all_told().await
        };
        tokio::time::timeout(self.limit, waited).await.unwrap_or_else(|_| {
            Err(Failure::new(
                Exit::TimedOut,
                format!(
                    "the nodes have not settled within {:?} (--settle-limit): look at interlock status and peers",
                    self.limit
                ),
            ))
        })?;
        self.compare().await
    }

    /// All nodes know the same records.
    async fn same_frontier(&self) -> Result<(), Failure> {
        loop {
            let mut digests = Vec::new();
            for observer in self.observers {
                digests.push(status(&observer.node).await?.frontier_digest);
            }
            if digests.windows(2).all(|pair| pair[0] == pair[1]) {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// No subject's measure still waits for its notice delay. All nodes know the same, so one can
    /// speak for all.
    async fn all_in_force(&self) -> Result<(), Failure> {
        let Some(first) = self.observers.first() else { return Ok(()) };
        let mut pending = self.subjects.clone();
        loop {
            let mut waiting = Vec::new();
            for chunk in pending.chunks(MAX_SUBJECTS) {
                let response = lookup(&first.node, self.request(chunk)).await?;
                let decisions = chunk.iter().zip(&response.decisions);
                waiting
                    .extend(decisions.filter(|(_, d)| is_waiting(d)).map(|(subject, _)| *subject));
            }
            if waiting.is_empty() {
                return Ok(());
            }
            pending = waiting;
            tokio::time::sleep(POLL).await;
        }
    }

    /// Every watch has told what its node wrote so far.
    async fn all_told(&self) -> Result<(), Failure> {
        let since = Instant::now();
        for observer in self.observers {
            while !observer.has_all(since, QUIET)? {
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    async fn compare(&self) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        for chunk in self.subjects.chunks(MAX_SUBJECTS) {
            let mut differing = Vec::new();
            for _ in 0..MAX_COMPARISONS {
                let answers = self.ask_all(chunk).await?;
                differing = differences(&answers);
                if differing.is_empty() {
                    break;
                }
            }
            outcome.differing += differing.len() as u64;
            let room = MAX_DIFFERENCES.saturating_sub(outcome.differences.len());
            outcome.differences.extend(differing.into_iter().take(room));
            let answers = self.ask_first(chunk).await?;
            for decision in answers {
                let effective = decision.consortium.unwrap_or_default().effective;
                let measure = from_wire(effective).unwrap_or(Measure::Close);
                *outcome.subjects_at.entry(measure).or_default() += 1;
            }
        }
        Ok(outcome)
    }

    async fn ask_first(&self, chunk: &[&str]) -> Result<Vec<SubjectDecision>, Failure> {
        let Some(first) = self.observers.first() else { return Ok(Vec::new()) };
        Ok(lookup(&first.node, self.request(chunk)).await?.decisions)
    }

    /// What every node says of these subjects, with the node's member.
    async fn ask_all(
        &self,
        chunk: &[&str],
    ) -> Result<Vec<(String, Vec<SubjectDecision>)>, Failure> {
        let mut calls = JoinSet::new();
        for observer in self.observers {
            let (node, member) = (observer.node.clone(), observer.member.clone());
            let request = self.request(chunk);
            calls.spawn(async move { Ok((member, lookup(&node, request).await?.decisions)) });
        }
        let answers: Result<Vec<_>, Failure> = calls.join_all().await.into_iter().collect();
        let mut answers = answers?;
        answers.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(answers)
    }

    fn request(&self, chunk: &[&str]) -> LookupRequest {
        let subject =
            |subject: &&str| -> Subject { identifier(self.id_type, (*subject).to_owned()) };
        LookupRequest { subjects: chunk.iter().map(subject).collect() }
    }
}

async fn lookup(node: &Node, request: LookupRequest) -> Result<LookupResponse, Failure> {
    let expected = request.subjects.len();
    let response: LookupResponse = node
        .call(&request, |channel, request| async move { platform(channel).lookup(request).await })
        .await?;
    if response.decisions.len() != expected {
        let message = format!(
            "the node at {} answered for {} subjects of {expected}",
            node.address,
            response.decisions.len()
        );
        return Err(Failure::new(Exit::Failed, message));
    }
    Ok(response)
}

/// Whether what is announced is not yet in force.
fn is_waiting(decision: &SubjectDecision) -> bool {
    decision.consortium.as_ref().is_some_and(|held| held.announced != held.effective)
}

/// What must be alike at all nodes.
fn essence(decision: &SubjectDecision) -> Decision {
    let held = decision.consortium.clone().unwrap_or_default();
    Decision { until: None, effective_until: None, ..held }
}

/// A line for each subject on which a node differs from the first.
fn differences(answers: &[(String, Vec<SubjectDecision>)]) -> Vec<String> {
    let Some(((first, expected), others)) = answers.split_first() else { return Vec::new() };
    let mut lines = Vec::new();
    for (index, expected) in expected.iter().enumerate() {
        let differs = others.iter().find_map(|(member, decisions)| {
            let decision = decisions.get(index)?;
            (essence(decision) != essence(expected)).then_some((member, decision))
        });
        if let Some((member, decision)) = differs {
            lines.push(format!(
                "{}: {} at {first}, {} at {member}",
                short(&hex(&expected.subject)),
                told(expected),
                told(decision)
            ));
        }
    }
    lines
}

fn told(decision: &SubjectDecision) -> String {
    let held = crate::view::DecisionView::from(decision.consortium.clone().unwrap_or_default());
    let since = crate::view::or_dash(held.since.as_ref());
    format!("{} ({} in force, since {since})", held.announced, held.effective)
}

#[cfg(test)]
mod tests {
    use interlock_wire::v1::Measure as On;

    use super::*;

    fn decision(announced: On, effective: On) -> SubjectDecision {
        let held = Decision {
            announced: announced.into(),
            effective: effective.into(),
            ..Default::default()
        };
        SubjectDecision { subject: vec![1; 32], consortium: Some(held), ..Default::default() }
    }

    #[test]
    fn nodes_that_differ_are_named() {
        let same = vec![decision(On::Lock, On::Lock)];
        let other = vec![decision(On::Review, On::Review)];
        let alike = [("a".to_owned(), same.clone()), ("b".to_owned(), same.clone())];
        assert!(differences(&alike).is_empty());
        let lines = differences(&[("a".to_owned(), same), ("b".to_owned(), other)]);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains("LOCK (LOCK in force, since -) at a, REVIEW"), "{}", lines[0]);
    }

    #[test]
    fn a_measure_waits_until_it_is_in_force() {
        assert!(is_waiting(&decision(On::Lock, On::None)));
        assert!(!is_waiting(&decision(On::Lock, On::Lock)));
        assert!(!is_waiting(&SubjectDecision::default()));
    }
}
