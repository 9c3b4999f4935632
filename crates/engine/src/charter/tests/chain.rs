//! Which version follows which, who must have signed it, and what becomes of two that do.

use std::fmt::Write as _;

use interlock_record::{FeedId, FeedNumber, SigningKey, Span, hex};

use super::super::*;

const GOVERNANCE: u8 = 100;
const RECOVERY: u8 = 150;
const OTHER: u8 = 200;

fn signer(number: u8) -> SigningKey {
    SigningKey::from_seed([number; 32])
}

/// Members a, b, c and d, each a group, with governance and recovery keys; a quorum is three.
fn first() -> String {
    let digest = hex(&[5; 32]);
    let mut text = format!(
        "format = 1\nname = \"n\"\nversion = 1\nrules = 1\nnonce = \"{digest}\"\n\
         pepper_epoch = 1\npepper_check = \"{digest}\"\n"
    );
    for (number, id) in (0..).zip(["a", "b", "c", "d"]) {
        let _ = write!(
            text,
            "[[member]]\nid = \"{id}\"\naddress = \"h:1\"\ngovernance_key = \"{}\"\n\
             recovery_key = \"{}\"\n[[member.feed]]\nnumber = 1\nkey = \"{}\"\n\
             quota = {{ flags = 10, window = \"60s\" }}\n",
            signer(GOVERNANCE + number).public(),
            signer(RECOVERY + number).public(),
            signer(number + 1).public(),
        );
    }
    text + "[policy]\nversion = 1\n"
}

fn charters() -> Charters {
    Charters::first(Charter::parse("c.toml", &first()).expect("no mistake"))
}

/// The version after the newest of `charters`, holding from that many seconds.
fn next(charters: &Charters, secs: u32, edit: impl Fn(String) -> String) -> String {
    follow(charters.newest(), secs, edit)
}

fn follow(previous: &Charter, secs: u32, edit: impl Fn(String) -> String) -> String {
    let body = previous.text.find("rules = ").expect("it has rules");
    let from = Time::from_micros(i64::from(secs) * 1_000_000).expect("in range");
    edit(format!(
        "format = 1\nname = \"n\"\nversion = {}\nprevious = \"{}\"\nissued_at = \"{from}\"\neffective_from = \"{from}\"\n{}",
        previous.version + 1,
        previous.id(),
        &previous.text[body..],
    ))
}

fn sign(document: String, members: &str) -> SignedCharter {
    let signatures = members
        .chars()
        .map(|id| {
            let number = u8::try_from(u32::from(id) - u32::from('a')).expect("a small letter");
            let member = id.to_string().parse().expect("an id");
            CharterSignature::new(member, Role::Governance, &signer(GOVERNANCE + number), &document)
        })
        .collect();
    SignedCharter { document, signatures }
}

fn taken(charters: &Charters, signed: &SignedCharter) -> Charters {
    charters.with("c.toml", signed).expect("it is good").expect("it is new")
}

fn refused(charters: &Charters, signed: &SignedCharter) -> BadCharter {
    charters.with("c.toml", signed).expect_err("it must be refused")
}

fn same(text: String) -> String {
    text
}

#[test]
fn a_version_holds_with_a_quorum_of_both_versions_and_not_with_less() {
    let charters = charters();
    let document = next(&charters, 10, same);
    let error = refused(&charters, &sign(document.clone(), "ab"));
    assert!(matches!(&error, BadCharter::Unsigned(u) if (u.have, u.need) == (2, 3)), "{error}");
    let twice = sign(document.clone(), "aab");
    assert!(matches!(refused(&charters, &twice), BadCharter::Unsigned(_)), "each counted once");
    let after = taken(&charters, &sign(document.clone(), "abd"));
    assert_eq!((after.newest().version, after.consortium()), (2, charters.consortium()));
    assert!(after.with("c.toml", &sign(document, "abcd")).expect("known").is_none());
}

#[test]
fn a_signature_of_something_else_or_with_another_key_counts_for_nothing() {
    let charters = charters();
    let document = next(&charters, 10, same);
    let mut signed = sign(document.clone(), "abc");
    signed.signatures[2].signature = sign(first(), "c").signatures[0].signature;
    assert!(matches!(refused(&charters, &signed), BadCharter::Unsigned(_)));
    let mut signed = sign(document.clone(), "abc");
    signed.signatures[2] = CharterSignature::new(
        "c".parse().expect("an id"),
        Role::Governance,
        &signer(OTHER),
        &document,
    );
    assert!(matches!(refused(&charters, &signed), BadCharter::Unsigned(_)));
    // Two members of one group are one.
    let grouped = first().replace("id = \"b\"", "id = \"b\"\ngroup = \"a\"");
    let charters = Charters::first(Charter::parse("c.toml", &grouped).expect("no mistake"));
    assert_eq!(charters.newest().quorum, 2);
    let document = next(&charters, 10, same);
    assert!(matches!(refused(&charters, &sign(document.clone(), "ab")), BadCharter::Unsigned(_)));
    taken(&charters, &sign(document, "ac"));
}

#[test]
fn a_recovery_key_signs_the_replacement_of_the_governance_key_and_nothing_else() {
    let charters = charters();
    let recovery = |document: &str| {
        CharterSignature::new(
            "a".parse().expect("an id"),
            Role::Recovery,
            &signer(RECOVERY),
            document,
        )
    };
    let document = next(&charters, 10, same);
    let mut signed = sign(document.clone(), "bc");
    signed.signatures.push(recovery(&document));
    assert!(matches!(refused(&charters, &signed), BadCharter::Unsigned(_)), "nothing is replaced");
    let (old, new) = (signer(GOVERNANCE).public(), signer(OTHER).public());
    let document = next(&charters, 10, |text| text.replace(&old.to_string(), &new.to_string()));
    let mut signed = sign(document.clone(), "bc");
    signed.signatures.push(recovery(&document));
    assert!(matches!(refused(&charters, &signed), BadCharter::Unsigned(u) if u.of == 2));
    let id = "a".parse().expect("an id");
    let new = CharterSignature::new(id, Role::Governance, &signer(OTHER), &document);
    signed.signatures.push(new);
    taken(&charters, &signed);
}

#[test]
fn what_may_not_follow_is_told_apart() {
    let charters = charters();
    let id = hex(&[6; 32]);
    let key = signer(1).public().to_string();
    let wrong: &[(&str, &dyn Fn(String) -> String)] = &[
        ("versions come without a gap", &|t: String| t.replace("version = 2", "version = 3")),
        ("pepper_epoch", &|t: String| t.replace("pepper_check = \"05", "pepper_check = \"06")),
        ("has another key", &|t: String| t.replace(&key, &signer(OTHER).public().to_string())),
        ("member d is missing", &|t: String| {
            let (from, to) = (t.rfind("[[member]]").expect("d"), t.find("[policy]").expect("it"));
            format!("{}{}", &t[..from], &t[to..])
        }),
    ];
    for (expected, edit) in wrong {
        let error = refused(&charters, &sign(next(&charters, 10, edit), "abcd")).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let orphan = next(&charters, 10, |t| t.replace(&charters.newest().id().to_string(), &id));
    assert!(matches!(refused(&charters, &sign(orphan, "abcd")), BadCharter::UnknownPrevious(_)));
    let second = taken(&charters, &sign(next(&charters, 10, same), "abcd"));
    let earlier = refused(&second, &sign(next(&second, 10, same), "abcd"));
    assert!(earlier.to_string().contains("effective_from"), "at the same instant: {earlier}");
    taken(&second, &sign(next(&second, 11, same), "abcd"));
}

#[test]
fn a_version_holds_from_when_it_was_issued_at_the_earliest() {
    let charters = charters();
    let issued = |micros: i64| {
        next(&charters, 10, |text| {
            let at = Time::from_micros(10_000_000 + micros).expect("in range");
            text.replace("issued_at = \"1970-01-01T00:00:10Z\"", &format!("issued_at = \"{at}\""))
        })
    };
    for micros in [-1, 0] {
        let after = taken(&charters, &sign(issued(micros), "abc"));
        assert_eq!(after.newest().effective_from, Time::from_micros(10_000_000));
    }
    // Whoever has signed it: all of them are not enough.
    let error = refused(&charters, &sign(issued(1), "abcd")).to_string();
    assert!(error.contains("effective_from: expected a time not before issued_at"), "{error}");
    let unsaid =
        next(&charters, 10, |text| text.replace("issued_at = \"1970-01-01T00:00:10Z\"\n", ""));
    let error = refused(&charters, &sign(unsaid, "abcd")).to_string();
    assert!(error.contains("issued_at: expected the time"), "{error}");
}

fn ended(text: &str, id: &str) -> String {
    let at = text.find(&format!("id = \"{id}\"")).expect("the member");
    let feed = at + text[at..].find("number = 1\n").expect("its feed");
    let last = format!("last = {{ sequence = 7, id = \"{}\" }}\n", hex(&[7; 32]));
    format!("{}{last}{}", &text[..feed], &text[feed..])
}

#[test]
fn who_is_removed_stays_named_with_its_last_head_and_never_comes_back() {
    let charters = charters();
    let removed = |t: String| t.replace("id = \"d\"\n", "id = \"d\"\nstatus = \"removed\"\n");
    let document = next(&charters, 10, removed);
    let error = refused(&charters, &sign(document, "abcd")).to_string();
    assert!(error.contains("last: required"), "{error}");
    let after = taken(&charters, &sign(next(&charters, 10, |t| ended(&removed(t), "d")), "abc"));
    let newest = after.newest();
    assert_eq!((newest.groups().len(), newest.quorum), (3, 2));
    let feed = FeedId { member: "d".parse().expect("an id"), number: FeedNumber(1) };
    assert_eq!(after.feed(feed).and_then(|feed| feed.last).map(|last| last.sequence), Some(7));
    // What it signs counts no more.
    assert!(matches!(
        refused(&after, &sign(next(&after, 20, same), "ad")),
        BadCharter::Unsigned(_)
    ));
    let back = next(&after, 20, |t| t.replace("status = \"removed\"", "status = \"active\""));
    let error = refused(&after, &sign(back, "abc")).to_string();
    assert!(error.contains("never used again"), "{error}");
    let moved = next(&after, 20, |t| t.replace("sequence = 7", "sequence = 8"));
    let error = refused(&after, &sign(moved, "abc")).to_string();
    assert!(error.contains("its last head stays"), "{error}");
}

#[test]
fn policy_and_limits_hold_from_their_instant_and_members_at_once() {
    let charters = charters();
    let edit = |t: String| {
        t.replace("[policy]\nversion = 1\n", "[policy]\nversion = 1\nissuer_cap = 7\n")
            .replace("flags = 10", "flags = 99")
            .replace("h:1", "h:2")
            .replace(
                "[[member]]\nid = \"a\"",
                "limits = { statements_a_day = 5 }\n[[member]]\nid = \"a\"",
            )
    };
    let after = taken(&charters, &sign(next(&charters, 10, edit), "abc"));
    let at = |secs: i64| Time::from_micros(secs * 1_000_000).expect("in range");
    let feed = FeedId { member: "a".parse().expect("an id"), number: FeedNumber(1) };
    for (secs, cap, quota, day) in
        [(9, 100, 10, DEFAULT_STATEMENTS_A_DAY), (10, 7, 99, 5), (11, 7, 99, 5)]
    {
        assert_eq!(after.policy_at(at(secs)).issuer_cap, cap, "at {secs}");
        assert_eq!(after.quota_at(feed, at(secs)).map(|(q, _)| q.flags), Some(quota));
        assert_eq!(after.limits_at(at(secs)).statements_a_day, day);
    }
    assert_eq!(after.newest().members[&feed.member].address, "h:2");
    assert_eq!(after.longest_reach(feed), Some(Span::from_secs(60)));
}

#[test]
fn rivals_hold_nobody_until_one_that_names_both_is_signed() {
    let charters = charters();
    let document = |cap: u32| {
        next(&charters, 10, |t| {
            t.replace(
                "[policy]\nversion = 1\n",
                &format!("[policy]\nversion = 1\nissuer_cap = {cap}\n"),
            )
        })
    };
    let (one, other) = (sign(document(1), "abc"), sign(document(2), "bcd"));
    let with_one = taken(&charters, &one);
    assert_eq!(with_one.newest().version, 2);
    let both = taken(&with_one, &other);
    assert_eq!((both.newest().version, both.rivals().map(|rivals| rivals.of)), (1, Some(1)));
    let ids: Vec<String> =
        both.rivals().expect("rivals").ids.iter().map(|id| format!("\"{id}\"")).collect();
    let resolving = follow(both.newest(), 12, |t| {
        t.replace("rules = ", &format!("resolves = [{}]\nrules = ", ids.join(", ")))
    });
    let resolved = taken(&both, &sign(resolving.clone(), "abcd"));
    assert_eq!((resolved.newest().version, resolved.rivals()), (2, None));
    // Whatever order they come in.
    let early = taken(&charters, &sign(resolving, "abcd"));
    let early = taken(&taken(&early, &other), &one);
    assert_eq!(early.newest().id(), resolved.newest().id());
    // One that names only one of them is a third rival.
    let half = follow(both.newest(), 12, |t| {
        t.replace("rules = ", &format!("resolves = [{}, \"{}\"]\nrules = ", ids[0], hex(&[9; 32])))
    });
    let third = taken(&both, &sign(half, "abcd"));
    assert_eq!(third.newest().version, 1);
}
