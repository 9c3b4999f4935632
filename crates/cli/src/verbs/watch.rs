//! `interlock watch`: follow decisions.

use std::io::{self, IsTerminal as _};

use clap::Args;
use interlock_record::Measure;
use interlock_wire::v1::WatchDecisionsResponse;
use interlock_wire::v1::watch_decisions_response::Kind;
use serde::Serialize;

use crate::client::{Follower, NodeArgs, Start, SubjectArgs};
use crate::exit::Exit;
use crate::output::{Output, counted};
use crate::term::{term, wire};
use crate::view::{EventView, SubjectView, or_dash, short};

/// Follow decisions, for ever: first the state, then what happens, unless --tail or --cursor.
///
/// Messages come at least once and in order. When the node goes away the watch waits for it and goes
/// on after the last cursor. Every JSON line but those of the state has a `cursor`: keep it, and a
/// watch with --cursor goes on after that line.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock watch --tail --at-least LOCK
  interlock watch -o json --cursor \"$(cat cursor)\" | while read -r line; do ...; done")]
pub(crate) struct Watch {
    /// Go on after this cursor (exclusive).
    #[arg(long, conflicts_with_all = ["state", "tail"])]
    cursor: Option<String>,
    /// First the decision of every subject that has one, then what happens (the default).
    #[arg(long, conflicts_with = "tail")]
    state: bool,
    /// Only what happens from now on.
    #[arg(long)]
    tail: bool,
    /// Only changes from or to this measure or a graver one.
    #[arg(long, value_name = "MEASURE", ignore_case = true, value_parser = term::<Measure>())]
    at_least: Option<Measure>,
    #[command(flatten)]
    subjects: SubjectArgs,
    /// End with exit code 0 after so many events.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    #[command(flatten)]
    node: NodeArgs,
}

/// One line of JSON.
#[derive(Debug, Serialize)]
struct Line {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    #[serde(flatten)]
    message: Message,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Message {
    State(SubjectView),
    CaughtUp { subjects: u64 },
    Event(EventView),
}

/// Whether lines may have colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colour {
    Never,
    Always,
}

impl Colour {
    /// Colours on a terminal only, and not where `NO_COLOR` asks for none.
    fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if io::stdout().is_terminal() && !refused { Self::Always } else { Self::Never }
    }
}

impl Watch {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let subjects = self.subjects.any()?.into_iter().map(|named| named.subject).collect();
        let start = match (self.cursor, self.tail) {
            (Some(cursor), _) => Start::After(cursor),
            (None, true) => Start::Tail,
            (None, false) => Start::State,
        };
        let node = self.node.connect().await?;
        let at_least = self.at_least.map_or(0, wire);
        let mut follower = Follower::open(node, start, at_least, subjects).await?;
        let colour = Colour::of_stdout();
        let mut events = 0;
        // The node repeats "caught up" to move the cursor on; people need it once.
        let mut told_caught_up = false;
        loop {
            let Some(line) = Line::of(follower.next().await?) else { continue };
            let is_event = matches!(line.message, Message::Event(_));
            if output.is_json() {
                output.json(&line)?;
            } else if let Some(text) = line.text(colour, &mut told_caught_up) {
                output.line(text)?;
            }
            output.flush()?;
            events += u64::from(is_event);
            if self.limit == Some(events) && is_event {
                return Ok(Exit::Done);
            }
        }
    }
}

impl Line {
    /// The line of a message; none for a kind that a newer node may send.
    fn of(response: WatchDecisionsResponse) -> Option<Self> {
        let (kind, message) = match response.kind? {
            Kind::State(decision) => ("state", Message::State(decision.into())),
            Kind::CaughtUp(end) => ("caught_up", Message::CaughtUp { subjects: end.subjects }),
            Kind::Event(event) => ("event", Message::Event(event.into())),
        };
        let cursor = (!response.cursor.is_empty()).then_some(response.cursor);
        Some(Self { kind, cursor, message })
    }

    fn text(&self, colour: Colour, told_caught_up: &mut bool) -> Option<String> {
        match &self.message {
            Message::State(view) => Some(state_line(view, colour)),
            Message::Event(view) => Some(event_line(view, colour)),
            Message::CaughtUp { subjects } => {
                let first = !std::mem::replace(told_caught_up, true);
                first
                    .then(|| format!("-- caught up ({}), following", counted(*subjects, "subject")))
            }
        }
    }
}

fn state_line(view: &SubjectView, colour: Colour) -> String {
    let SubjectView { subject, apply, consortium, .. } = view;
    let since = or_dash(consortium.since.as_ref());
    let apply = painted(apply, colour);
    let announced = &consortium.announced;
    format!("{since:<27}  STATE      {}  {apply} ({announced} announced)", short(subject))
}

fn event_line(view: &EventView, colour: Colour) -> String {
    let EventView { change, scope, subject, from, to, because, .. } = view;
    let at = or_dash(view.at.as_ref());
    let own = if *scope == "OWN" { " (own)" } else { "" };
    let ground = view.applied_because.as_ref().map(|because| format!(" ({because})"));
    let ground = ground.unwrap_or_default();
    let simulated = if view.simulated { ", simulated" } else { "" };
    let because = match because.len() {
        0 => String::new(),
        flags => format!(", because of {}", counted(flags, "flag")),
    };
    let corrects = view.corrects.map(|number| format!(", corrects {number}")).unwrap_or_default();
    let (subject, to) = (short(subject), painted(to, colour));
    format!(
        "{at:<27}  {change:<9}  {subject}  {from} -> {to}{own}{ground}{because}{corrects}{simulated}"
    )
}

/// The measure's name: green for none, yellow below a lock's neighbourhood, red from there on.
fn painted(measure: &str, colour: Colour) -> String {
    let code = match (colour, measure.parse::<Measure>()) {
        (Colour::Never, _) | (_, Err(_)) => return measure.to_owned(),
        (Colour::Always, Ok(Measure::None)) => 32,
        (Colour::Always, Ok(measure)) if measure >= Measure::Freeze => 31,
        (Colour::Always, Ok(_)) => 33,
    };
    format!("\u{1b}[{code}m{measure}\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use interlock_wire::v1;

    use super::*;

    fn event() -> v1::DecisionEvent {
        v1::DecisionEvent {
            number: 7,
            change: v1::DecisionChange::Effective.into(),
            subject: vec![0xab; 32],
            scope: v1::Scope::Consortium.into(),
            from: v1::Measure::None.into(),
            to: v1::Measure::Lock.into(),
            at: Some(prost_types::Timestamp { seconds: 0, nanos: 0 }),
            because: vec![vec![1; 32], vec![2; 32]],
            ..Default::default()
        }
    }

    fn line(kind: Kind, cursor: &str) -> Line {
        let response = WatchDecisionsResponse { kind: Some(kind), cursor: cursor.to_owned() };
        Line::of(response).expect("the kind is known")
    }

    #[test]
    fn an_event_is_one_readable_line() {
        let text = line(Kind::Event(event()), "c7").text(Colour::Never, &mut false);
        let expected = "1970-01-01T00:00:00Z         EFFECTIVE  abababababab  NONE -> LOCK, because of 2 flags";
        assert_eq!(text.as_deref(), Some(expected));
        let painted = line(Kind::Event(event()), "c7").text(Colour::Always, &mut false);
        assert!(painted.is_some_and(|text| text.contains("\u{1b}[31mLOCK\u{1b}[0m")));
    }

    #[test]
    fn json_lines_carry_the_cursor_and_no_nesting() {
        let json = serde_json::to_value(line(Kind::Event(event()), "c7")).expect("it is JSON");
        assert_eq!(
            (&json["kind"], &json["cursor"], &json["to"]),
            (&"event".into(), &"c7".into(), &"LOCK".into())
        );
        let state = line(Kind::State(v1::SubjectDecision::default()), "");
        let json = serde_json::to_value(state).expect("it is JSON");
        assert!(json.get("cursor").is_none());
    }

    #[test]
    fn people_are_told_once_that_it_caught_up() {
        let caught_up = line(Kind::CaughtUp(v1::StateEnd { subjects: 2 }), "c");
        let mut told = false;
        assert!(caught_up.text(Colour::Never, &mut told).is_some());
        assert!(caught_up.text(Colour::Never, &mut told).is_none());
    }
}
