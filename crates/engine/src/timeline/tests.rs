//! The engine by example. Each example is what members say, a line each (day, issuer, what), and
//! the transitions that come of it (day, measure, the flags that brought it about).

mod story;

use interlock_record::{Measure, Span};

use story::{POLICY, day, day_of, example};

/// Asserts the transitions of stories under the policy, changed by replacing a part of it.
fn check(cases: &[(&str, (&str, &str), &str, &str)]) {
    for (what, (part, instead), story, expected) in cases {
        assert!(POLICY.contains(part), "{part:?}");
        let policy = POLICY.replacen(part, instead, 1);
        assert_eq!(example(&policy, story).transitions(), *expected, "{what}");
    }
}

const AS_IT_IS: (&str, &str) = ("", "");
const TWO: &str = "1 acme flag a HIGH\n 2 beta flag b HIGH\n";

#[test]
fn what_ages_is_kept_for_a_while_and_what_was_wrong_opens_at_once() {
    check(&[
        (
            "70 of 100 points keep a lock that half of them keep; the witness is lost first",
            AS_IT_IS,
            TWO,
            "1 REVIEW a, 2 LOCK a+b, 21 REVIEW a, 32 NONE b",
        ),
        (
            "without hysteresis it opens with the first step of decay",
            ("exit_percent = 50", "exit_percent = 100"),
            TWO,
            "1 REVIEW a, 2 LOCK a+b, 11 REVIEW a, 31 NONE a",
        ),
        (
            "withdrawn: one witness is left",
            AS_IT_IS,
            "1 acme flag a HIGH\n 2 beta flag b HIGH\n 3 acme withdraw a",
            "1 REVIEW a, 2 LOCK a+b, 3 REVIEW a, 32 NONE b",
        ),
        (
            "three witnesses: 100 points are left, and the lock is still entered",
            AS_IT_IS,
            "1 acme flag a HIGH\n 1 beta flag b HIGH\n 1 ceto flag c HIGH\n 3 acme withdraw a",
            "1 LOCK a+b+c, 21 REVIEW b+c, 31 NONE b+c",
        ),
        (
            "a flag of 25 withdrawn: 75 points would be kept, but what was wrong opens at once",
            AS_IT_IS,
            "1 acme flag a HIGH\n 1 beta flag b MEDIUM\n 1 ceto flag c MEDIUM\n 3 ceto withdraw c",
            "1 LOCK a+b+c, 3 REVIEW c, 31 NONE a+b",
        ),
    ]);
}

#[test]
fn ceilings_bound_what_a_flag_supports() {
    check(&[
        (
            "of the reason",
            AS_IT_IS,
            "1 acme flag a HIGH reason=IDENTITY_STALE\n 1 beta flag b HIGH reason=IDENTITY_STALE",
            "1 REVIEW a+b, 91 NONE a+b",
        ),
        (
            "of the kind of identifier",
            ("[reason.OVERDUE]", "[id_type.PHONE]\nceiling = \"REVIEW\"\n[reason.OVERDUE]"),
            "1 acme flag a HIGH id_type=PHONE\n 1 beta flag b HIGH",
            "1 REVIEW a+b, 31 NONE a+b",
        ),
        (
            "of what its issuer does itself",
            AS_IT_IS,
            "1 acme flag a HIGH applied_measure=FREEZE\n 1 beta flag b HIGH",
            "1 REVIEW a+b, 31 NONE a+b",
        ),
        (
            "unless the policy does not ask for skin in the game",
            ("exit_percent", "skin_in_game = false\nexit_percent"),
            "1 acme flag a HIGH applied_measure=NONE\n 1 beta flag b HIGH",
            "1 LOCK a+b, 21 REVIEW a+b, 31 NONE a+b",
        ),
        (
            "an issuer that did nothing supports nothing",
            AS_IT_IS,
            "1 acme flag a CRITICAL applied_measure=NONE",
            "",
        ),
    ]);
}

#[test]
fn nobody_is_two_witnesses() {
    check(&[
        (
            "two reasons of one issuer are one witness",
            AS_IT_IS,
            "1 acme flag a HIGH\n 1 acme flag b HIGH reason=FRAUD_SUSPECTED",
            "1 REVIEW a+b, 91 NONE b",
        ),
        (
            "nor are two members of a group",
            ("exit_percent", "groups = [[\"acme\", \"beta\"]]\nexit_percent"),
            TWO,
            "1 REVIEW a, 32 NONE b",
        ),
        (
            "an issuer's points are capped: 60 and 25 are no 100",
            ("exit_percent", "issuer_cap = 60\nexit_percent"),
            "1 acme flag a CRITICAL\n 1 beta flag b MEDIUM",
            "1 REVIEW a+b, 31 NONE a+b",
        ),
        (
            "uncapped they are",
            AS_IT_IS,
            "1 acme flag a CRITICAL\n 1 beta flag b MEDIUM",
            "1 LOCK a+b, 11 REVIEW a+b, 31 NONE a+b",
        ),
        (
            "a witness brings at least witness_points",
            ("exit_percent", "witness_points = 26\nexit_percent"),
            "1 acme flag a CRITICAL\n 1 beta flag b MEDIUM",
            "1 REVIEW a+b, 31 NONE a+b",
        ),
        (
            "an echo is no witness, and takes nothing's place",
            AS_IT_IS,
            "1 acme flag a HIGH\n 2 beta echo b CRITICAL\n 3 acme echo c LOW",
            "1 REVIEW a, 31 NONE a",
        ),
        (
            "trust and confidence multiply, and the product is floored",
            ("[reason.OVERDUE]", "[trust]\nacme = 50\n[reason.OVERDUE]"),
            "1 acme flag a HIGH confidence=79\n 2 acme flag b HIGH confidence=80",
            "2 REVIEW b, 22 NONE b",
        ),
    ]);
}

#[test]
fn a_flag_lives_until_the_earliest_of_its_ends() {
    check(&[
        ("its own expiry", AS_IT_IS, "1 acme flag a HIGH expires_at=4", "1 REVIEW a, 4 NONE a"),
        (
            "its age counts from what was observed",
            AS_IT_IS,
            "10 acme flag a HIGH observed_at=1",
            "10 REVIEW a, 31 NONE a",
        ),
        (
            "a later flag of the same issuer and reason replaces it; the 10 points it has keep REVIEW",
            AS_IT_IS,
            "1 acme flag a HIGH\n 2 acme flag b LOW",
            "1 REVIEW a, 12 NONE b",
        ),
        (
            "a recall takes back what was said before it, and nothing after",
            AS_IT_IS,
            "1 acme flag a HIGH\n 1 acme flag b HIGH reason=FRAUD_SUSPECTED\n 3 acme recall\n 4 acme flag c HIGH",
            "1 REVIEW a+b, 3 NONE a+b, 4 REVIEW c, 34 NONE c",
        ),
        (
            "a recall may name a reason and times, the last exclusive",
            AS_IT_IS,
            "1 acme flag a HIGH\n 2 acme flag b HIGH reason=FRAUD_SUSPECTED\n 3 acme recall from=1 to=2",
            "1 REVIEW a, 92 NONE b",
        ),
        (
            "nobody withdraws what others said",
            AS_IT_IS,
            "1 acme flag a HIGH\n 2 beta withdraw a\n 3 beta recall",
            "1 REVIEW a, 31 NONE a",
        ),
    ]);
}

#[test]
fn cures_and_disputes_and_holds() {
    check(&[
        (
            "its own repayment leaves nothing of a flag before it",
            AS_IT_IS,
            "1 acme flag a HIGH\n 2 acme cure c REPAID\n 3 acme flag b HIGH",
            "1 REVIEW a, 2 NONE a, 3 REVIEW b, 33 NONE b",
        ),
        (
            "somebody else's repayment is not its own; a cure that is withdrawn is none",
            AS_IT_IS,
            "1 acme flag a HIGH\n 2 beta cure c REPAID\n 3 acme cure d REPAID\n 4 acme withdraw d",
            "1 REVIEW a, 3 NONE a, 4 REVIEW a, 31 NONE a",
        ),
        (
            "a cure for anybody's flags leaves 60 %",
            AS_IT_IS,
            "1 acme flag a HIGH\n 2 beta flag b HIGH\n 4 ceto cure c INCOME_VERIFIED",
            "1 REVIEW a, 2 LOCK a+b, 4 REVIEW a+b, 31 NONE a",
        ),
        (
            "a dispute leaves REVIEW; REJECTED restores; another one rests until day 8",
            AS_IT_IS,
            "1 acme flag a HIGH\n 2 beta flag b HIGH\n 3 beta dispute d a\n 5 acme resolve a REJECTED\n 7 beta dispute e a",
            "1 REVIEW a, 2 LOCK a+b, 3 REVIEW a, 5 LOCK a+b, 21 REVIEW a, 32 NONE b",
        ),
        (
            "and on day 8 it opens",
            AS_IT_IS,
            "1 acme flag a HIGH\n 2 beta flag b HIGH\n 3 beta dispute d a\n 5 acme resolve a REJECTED\n 8 beta dispute e a",
            "1 REVIEW a, 2 LOCK a+b, 3 REVIEW a, 5 LOCK a+b, 8 REVIEW a, 32 NONE b",
        ),
        (
            "an issuer does not dispute its own flag",
            AS_IT_IS,
            "1 acme flag a HIGH\n 1 beta flag b HIGH\n 3 acme dispute d a",
            "1 LOCK a+b, 21 REVIEW a+b, 31 NONE a+b",
        ),
        (
            "an answer at the deadline is too late: the flag has lapsed, a new one counts",
            AS_IT_IS,
            "1 acme flag a HIGH\n 3 beta dispute d a\n 8 acme resolve a REJECTED\n 9 acme flag b HIGH",
            "1 REVIEW a, 8 NONE a, 9 REVIEW b, 39 NONE b",
        ),
        (
            "UPHELD: what was observed before counts no more, however often it is said",
            AS_IT_IS,
            "1 acme flag a HIGH\n 3 beta dispute d a\n 5 acme resolve a UPHELD\n 6 acme flag b HIGH observed_at=5\n 7 acme flag c HIGH observed_at=5.1",
            "1 REVIEW a, 5 NONE a, 7 REVIEW c, 35.1 NONE c",
        ),
        (
            "a suspected fraud stays frozen while it is disputed",
            ("points = 20\n", "points = 20\n[[measure.FREEZE.rule]]\npoints = 50\n"),
            "1 acme flag a HIGH reason=FRAUD_SUSPECTED\n 1 beta flag b HIGH reason=FRAUD_SUSPECTED\n 3 beta dispute d a",
            "1 LOCK a+b, 3 FREEZE a, 91 NONE b",
        ),
        (
            "a held flag counts from its release; its issuer's own release means nothing",
            AS_IT_IS,
            "1 acme flag a HIGH held=true\n 2 acme release a\n 4 beta release a",
            "4 REVIEW a, 31 NONE a",
        ),
    ]);
}

#[test]
fn what_peers_did_counts_only_where_the_policy_says_so() {
    let counting = POLICY
        .replace("exit_percent", "peer_receipts = \"count\"\nexit_percent")
        .replace("points = 100\nissuers = 2", "points = 50\npeer_permille = 500");
    let story = "1 acme flag a HIGH\n 2 beta receipt LOCK\n 3 ceto receipt LOCK for=a\n 4 beta receipt NONE";
    // Of acme, beta and ceto 333, 666 and 333 in a thousand act.
    assert_eq!(
        example(&counting, story).transitions(),
        "1 REVIEW a, 3 LOCK a, 4 REVIEW , 31 NONE a"
    );
    // Without acme itself 500, 1000 and 500.
    assert_eq!(
        example(&counting, story).seen_by("acme").transitions(),
        "1 REVIEW a, 2 LOCK a, 21 REVIEW a, 31 NONE a"
    );
    let ignoring = counting.replace("\"count\"", "\"ignore\"");
    assert_eq!(example(&ignoring, story).transitions(), "1 REVIEW a, 31 NONE a");
}

#[test]
fn what_does_not_propagate_counts_for_its_issuer_alone() {
    let story = "1 acme flag a HIGH reason=POLICY_CHANGE\n 2 beta flag b HIGH";
    assert_eq!(example(POLICY, story).transitions(), "2 REVIEW b, 32 NONE b");
    assert_eq!(example(POLICY, story).seen_by("beta").transitions(), "2 REVIEW b, 32 NONE b");
    assert_eq!(
        example(POLICY, story).seen_by("acme").transitions(),
        "1 REVIEW a, 2 LOCK a+b, 22 REVIEW b, 91 NONE a"
    );
}

#[test]
fn the_policy_of_an_instant_governs_it() {
    let stricter = POLICY.replace("points = 100\nissuers = 2", "points = 200\nissuers = 2");
    assert_eq!(
        example(POLICY, TWO).then("4", &stricter).then("6", POLICY).transitions(),
        "1 REVIEW a, 2 LOCK a+b, 21 REVIEW a, 32 NONE b",
        "half of 200 keeps it, and it may be entered again from day 6 on"
    );
    let harsher = stricter.replace("exit_percent = 50", "exit_percent = 51");
    assert_eq!(
        example(POLICY, TWO).then("4", &harsher).then("6", POLICY).transitions(),
        "1 REVIEW a, 2 LOCK a+b, 4 REVIEW , 6 LOCK a+b, 21 REVIEW a, 32 NONE b"
    );
}

#[test]
fn what_is_announced_comes_into_force_a_notice_delay_later_and_ends_at_once() {
    for (story, expected) in [
        ("1 acme flag a HIGH\n 1 beta flag b HIGH", "2 LOCK, 21 REVIEW, 31 NONE"),
        ("1 acme flag a HIGH\n 1.5 beta flag b HIGH", "2 REVIEW, 2.5 LOCK, 21 REVIEW, 31.5 NONE"),
        ("1 acme flag a HIGH expires_at=2\n 1 beta flag b HIGH", "2 REVIEW, 31 NONE"),
        ("1 acme flag a HIGH expires_at=2.1\n 1 beta flag b HIGH", "2 LOCK, 2.1 REVIEW, 31 NONE"),
        ("1 acme flag a HIGH\n 1.9 acme withdraw a", ""),
        ("1 acme flag a HIGH\n 2 acme withdraw a", ""),
        ("1 acme flag a HIGH\n 2.1 acme withdraw a", "2 REVIEW, 2.1 NONE"),
        // Taken back for a moment, it waits anew.
        (
            "1 acme flag a HIGH expires_at=3\n 3.5 acme flag b HIGH",
            "2 REVIEW, 3 NONE, 4.5 REVIEW, 33.5 NONE",
        ),
    ] {
        assert_eq!(example(POLICY, story).effective(), expected, "{story}");
    }
}

#[test]
fn until_is_when_the_announced_measure_next_changes() {
    let timeline = example(POLICY, TWO).timeline();
    let expected =
        [("0", Some("1")), ("1", Some("2")), ("1.9", Some("2")), ("2", Some("21")), ("32", None)];
    for (at, until) in expected {
        assert_eq!(timeline.until(day(at)).map(day_of).as_deref(), until, "{at}");
    }
}

#[test]
fn the_least_and_the_greatest_numbers_fit() {
    let policy = "version = 1\nissuer_cap = 1000000000\n[trust]\ndefault = 200\n\
        [reason.OVERDUE]\npoints = { LOW = 0, MEDIUM = 0, HIGH = 0, CRITICAL = 1000000 }\n\
        max_life = \"36525d\"\nceiling = \"CLOSE\"\n\
        [[measure.LOCK.rule]]\npoints = 2000000\n\
        [[measure.CLOSE.rule]]\npoints = 1000000000\n";
    let story = "1 acme flag a CRITICAL";
    let step = &example(policy, story).timeline().transitions;
    assert_eq!((step[0].to, step.len()), (Measure::Lock, 2));
    assert_eq!(step[1].at.since(step[0].at), Span::MAX);
}
