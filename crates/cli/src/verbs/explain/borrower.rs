//! What a borrower may be told, in Chinese and English: what applies and since when, the principal
//! reasons, until when, whether a person decided, who can be asked, how to object. No other member
//! is named, and no points are.

use std::fmt;

use clap::ValueEnum;
use interlock_record::{Measure, Reason, Time};
use serde::Serialize;

use crate::view::BorrowerView;

/// In which language a borrower is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

/// A text for a borrower.
#[derive(Debug, Serialize)]
pub(crate) struct Letter {
    #[serde(flatten)]
    pub view: BorrowerView,
    pub text: String,
}

impl Letter {
    /// The text of a view.
    pub(crate) fn new(view: BorrowerView, language: Language) -> Self {
        let lines = match language {
            Language::En => english(&view),
            Language::Zh => chinese(&view),
        };
        Self { text: lines.join("\n"), view }
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The day of an instant; a borrower has no use for microseconds.
fn day(at: Time) -> String {
    at.to_string().chars().take(10).collect()
}

fn measure_of(view: &BorrowerView) -> Measure {
    view.measure.parse().unwrap_or(Measure::None)
}

fn english(view: &BorrowerView) -> Vec<String> {
    let who = &view.member_name;
    let since = view.since.map(|since| format!(" since {} (UTC)", day(since)));
    let applies = match measure_of(view) {
        Measure::None => "no restriction",
        Measure::Observe => "your account is watched more closely; nothing is restricted",
        Measure::Review => "we ask you for more proof before we decide on credit",
        Measure::ReduceLimit => "your credit limit is reduced",
        Measure::ZeroLimit => "your credit limit is set to zero",
        Measure::Freeze => "you cannot draw on your credit",
        Measure::Lock => "you get no credit from us",
        Measure::Close => "your account is closed",
    };
    let mut lines =
        vec![format!("What applies to you at {who}{}: {applies}.", since.unwrap_or_default())];
    if !view.reasons.is_empty() {
        lines.push("The principal reasons, the weightiest first:".to_owned());
    }
    for (number, reason) in (1u32..).zip(&view.reasons) {
        let text = match reason.reason.parse() {
            Ok(Reason::Overdue) => "a payment is late",
            Ok(Reason::MultiPlatformBorrowing) => "borrowing on many platforms within a short time",
            Ok(Reason::AbnormalOperation) => "an account was operated in an abnormal way",
            Ok(Reason::FraudSuspected) => "fraud is suspected",
            Ok(Reason::IdentityStale) => "identity documents are out of date",
            Ok(Reason::IncomeInsufficient) => "income does not carry the limit any longer",
            Ok(Reason::PolicyChange) => "a platform changed its own rules",
            Ok(Reason::SystemFault) => "a platform's own system was at fault",
            Ok(Reason::Other) | Err(_) => "another ground",
        };
        let since = reason.since.map(|at| format!(", observed from {} on", day(at)));
        lines.push(format!("  {number}. {text}{}", since.unwrap_or_default()));
    }
    lines.push(match view.until {
        Some(until) => format!("It changes on {} (UTC), if nothing more comes.", day(until)),
        None => "No day is known on which it changes by itself.".to_owned(),
    });
    lines.push(match view.because.as_str() {
        "CONFIRMED" => "It was decided by a program and confirmed by a person.".to_owned(),
        "OVERRIDDEN" => "A person decided it.".to_owned(),
        "EXEMPTED" | "REFUSED" => "A person looked at it and limited what applies.".to_owned(),
        "WAITS" => "It was decided by a program. A graver measure waits for a person.".to_owned(),
        "SIMULATED" => "The program is being tried out, and nothing is applied.".to_owned(),
        _ => "It was decided by a program. You may ask for a person to look at it.".to_owned(),
    });
    lines.push(ask(view, "Whom to ask: ", ", "));
    lines.push(format!(
        "How to object: tell {who} what is wrong, with whatever shows it. Your objection goes to whoever reported it and is known to every member at once; while it is open the report counts for less, and without an answer within {} days it counts for nothing any more.",
        view.answer_days
    ));
    lines
}

fn chinese(view: &BorrowerView) -> Vec<String> {
    let who = &view.member_name;
    let since = view.since.map(|since| format!("自 {}（UTC）起，", day(since))).unwrap_or_default();
    let applies = match measure_of(view) {
        Measure::None => "没有限制",
        Measure::Observe => "您的账户受到更多关注，没有限制",
        Measure::Review => "在作出信贷决定之前，我们需要您提供更多证明",
        Measure::ReduceLimit => "您的额度被降低",
        Measure::ZeroLimit => "您的额度被清零",
        Measure::Freeze => "您的额度被冻结，不能新提款",
        Measure::Lock => "我们不向您提供任何信贷",
        Measure::Close => "您的账户被关闭",
    };
    let mut lines = vec![format!("{who}对您适用的措施：{since}{applies}。")];
    if !view.reasons.is_empty() {
        lines.push("主要原因（按影响大小排列）：".to_owned());
    }
    for (number, reason) in (1u32..).zip(&view.reasons) {
        let text = match reason.reason.parse() {
            Ok(Reason::Overdue) => "还款逾期",
            Ok(Reason::MultiPlatformBorrowing) => "短时间内在多个平台借款",
            Ok(Reason::AbnormalOperation) => "账户操作异常",
            Ok(Reason::FraudSuspected) => "涉嫌欺诈",
            Ok(Reason::IdentityStale) => "身份证明文件已过期",
            Ok(Reason::IncomeInsufficient) => "收入不足以支持现有额度",
            Ok(Reason::PolicyChange) => "平台调整了自身规则",
            Ok(Reason::SystemFault) => "平台自身系统故障",
            Ok(Reason::Other) | Err(_) => "其他原因",
        };
        let since = reason.since.map(|at| format!("（{} 起）", day(at))).unwrap_or_default();
        lines.push(format!("  {number}. {text}{since}"));
    }
    lines.push(match view.until {
        Some(until) => format!("如无新的情况，将于 {}（UTC）发生变化。", day(until)),
        None => "目前没有自动变化的日期。".to_owned(),
    });
    lines.push(
        match view.because.as_str() {
            "CONFIRMED" => "该决定由程序作出，并经人工确认。",
            "OVERRIDDEN" => "该决定由人工作出。",
            "EXEMPTED" | "REFUSED" => "已经人工复核，并限制了所适用的措施。",
            "WAITS" => "该决定由程序作出；更严厉的措施正在等待人工确认。",
            "SIMULATED" => "系统处于试运行，不适用任何措施。",
            _ => "该决定由程序自动作出，您可以要求人工复核。",
        }
        .to_owned(),
    );
    lines.push(ask(view, "咨询：", "，"));
    lines.push(format!(
        "如何提出异议：请向{who}说明哪里有误，并提供相关证明。您的异议会转达给提供该信息的机构，并同时告知所有成员；异议处理期间该信息的影响会降低；如 {} 天内没有答复，该信息将失效。",
        view.answer_days
    ));
    lines
}

fn ask(view: &BorrowerView, before: &str, between: &str) -> String {
    if view.contact.is_empty() {
        format!("{before}{}", view.member_name)
    } else {
        format!("{before}{}{between}{}", view.member_name, view.contact)
    }
}

#[cfg(test)]
mod tests {
    use interlock_wire::v1;

    use super::*;

    fn view() -> BorrowerView {
        let reason = |reason: v1::Reason| v1::PrincipalReason {
            reason: reason.into(),
            points: 50,
            since: Some(prost_types::Timestamp { seconds: 86_400, nanos: 0 }),
        };
        v1::BorrowerPart {
            measure: v1::Measure::Freeze.into(),
            reasons: vec![reason(v1::Reason::Overdue), reason(v1::Reason::FraudSuspected)],
            since: Some(prost_types::Timestamp { seconds: 172_800, nanos: 0 }),
            until: Some(prost_types::Timestamp { seconds: 259_200, nanos: 0 }),
            member_name: "Acme".to_owned(),
            contact: "risk@acme.example".to_owned(),
            because: v1::AppliedBecause::Decided.into(),
            answer_days: 20,
        }
        .into()
    }

    #[test]
    fn a_borrower_is_told_everything_in_english() {
        let text = Letter::new(view(), Language::En).text;
        for expected in [
            "What applies to you at Acme since 1970-01-03 (UTC): you cannot draw on your credit.",
            "  1. a payment is late, observed from 1970-01-02 on",
            "  2. fraud is suspected",
            "It changes on 1970-01-04 (UTC)",
            "You may ask for a person to look at it.",
            "Whom to ask: Acme, risk@acme.example",
            "within 20 days",
        ] {
            assert!(text.contains(expected), "{expected:?} is missing from:\n{text}");
        }
    }

    #[test]
    fn and_in_chinese() {
        let text = Letter::new(view(), Language::Zh).text;
        for expected in [
            "Acme对您适用的措施：自 1970-01-03（UTC）起，您的额度被冻结，不能新提款。",
            "  1. 还款逾期（1970-01-02 起）",
            "将于 1970-01-04（UTC）发生变化",
            "您可以要求人工复核",
            "咨询：Acme，risk@acme.example",
            "20 天内",
        ] {
            assert!(text.contains(expected), "{expected:?} is missing from:\n{text}");
        }
        assert!(!text.contains("50"), "points are no borrower's business");
    }

    #[test]
    fn every_measure_reason_and_ground_has_its_words() {
        for language in [Language::En, Language::Zh] {
            let mut texts = std::collections::BTreeSet::new();
            for measure in Measure::ALL {
                let view = BorrowerView { measure: measure.to_string(), ..view() };
                texts.insert(Letter::new(view, language).text);
            }
            for reason in Reason::ALL {
                let mut view = view();
                view.reasons.truncate(1);
                view.reasons[0].reason = reason.to_string();
                texts.insert(Letter::new(view, language).text);
            }
            for because in ["CONFIRMED", "OVERRIDDEN", "EXEMPTED", "WAITS", "SIMULATED"] {
                let view = BorrowerView { because: because.to_owned(), ..view() };
                texts.insert(Letter::new(view, language).text);
            }
            assert_eq!(texts.len(), Measure::ALL.len() + Reason::ALL.len() + 5);
        }
    }
}
