//! The judgement alone, on bytes.

use super::*;

#[test]
fn a_binding_holds_from_its_first_instant_until_just_before_its_last() {
    let roster = Members::of(&["acme"]);
    let tick = Span::from_micros(1).expect("a span");
    let acme = identity(binding("acme"), &key("acme"));
    let Binding { not_before, not_after, .. } = acme.binding();
    for (now, code) in [
        (not_before.minus(tick), Err("BINDING_NOT_YET")),
        (not_before, Ok(acme.binding())),
        (not_after.minus(tick), Ok(acme.binding())),
        (not_after, Err("BINDING_EXPIRED")),
    ] {
        let verdict = judge(acme.certificate_der(), roster.as_ref(), now);
        let verdict = verdict.map(|peer| peer.binding).map_err(|refused| refused.code());
        assert_eq!(verdict, code, "at {now}");
    }
}

#[test]
fn a_binding_that_never_holds_is_not_made() {
    let never = Binding { not_after: binding("acme").not_before, ..binding("acme") };
    let err = TransportIdentity::generate(never, &key("acme")).expect_err("it never holds");
    assert_eq!(err.code(), "BINDING_NEVER_VALID");
}

#[test]
fn a_changed_certificate_is_refused_or_says_the_same() {
    let roster = Members::of(&["acme", "bolt"]);
    let acme = identity(binding("acme"), &key("acme"));
    let der = acme.certificate_der();
    let peer = judge(der, roster.as_ref(), noon()).expect("acme is a member");

    for cut in 0..der.len() {
        let refused = judge(&der[..cut], roster.as_ref(), noon()).expect_err("cut short");
        assert_eq!(refused.code(), "BAD_CERTIFICATE", "cut at {cut}");
    }
    let longer = [der, &[0]].concat();
    let refused = judge(&longer, roster.as_ref(), noon()).expect_err("too long");
    assert_eq!(refused.code(), "BAD_CERTIFICATE");

    for at in 0..der.len() {
        for flip in [0x01, 0x02, 0x80, 0xff] {
            let mut changed = der.to_vec();
            changed[at] ^= flip;
            if let Ok(verdict) = judge(&changed, roster.as_ref(), noon()) {
                assert_eq!(verdict, peer, "byte {at}");
            }
        }
    }
}

#[test]
fn every_identity_has_a_transport_key_of_its_own() {
    let roster = Members::of(&["acme"]);
    let seen = |identity: &TransportIdentity| {
        let peer = judge(identity.certificate_der(), roster.as_ref(), noon());
        peer.expect("acme is a member").transport_key
    };
    let one = identity(binding("acme"), &key("acme"));
    let other = identity(binding("acme"), &key("acme"));
    assert_ne!(seen(&one), seen(&other));
    assert!(!format!("{one:?}").contains("PRIVATE"));
}
