//! Case tables of normalisation: raw text and what becomes of it. The persons do not exist.

use super::*;

fn outcome(id_type: IdType, raw: &str) -> String {
    match normalise(id_type, raw) {
        Ok(normalised) => normalised.reveal().to_owned(),
        Err(error) => match error {
            IdentifierError::Length { length, .. } => format!("length {length}"),
            IdentifierError::Character { position, .. } => format!("character {position}"),
            IdentifierError::CheckDigit { .. } => "check digit".to_owned(),
            IdentifierError::Date { .. } => "date".to_owned(),
            IdentifierError::Impossible { .. } => "impossible".to_owned(),
        },
    }
}

/// Runs a table of `raw -> outcome` lines; `\t` and the like in `raw` are written out.
fn run(id_type: IdType, table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (raw, wanted) = line.split_once("->").expect("a line is `|raw| -> outcome`");
        let raw = raw.trim().trim_matches('|').replace("\\t", "\t").replace("\\0", "\0");
        assert_eq!(outcome(id_type, &raw), wanted.trim(), "{raw:?}");
    }
}

#[test]
fn identity_numbers() {
    run(
        IdType::IdNumber,
        "
        |11010519491231002X|       -> 11010519491231002X
        |11010519491231002x|       -> 11010519491231002X
        |  440524188001010014\\t|  -> 440524188001010014
        |110105491231002|          -> 11010519491231002X
        |11010519491231002Ｘ|      -> character 18
        |11010519491231002Y|       -> character 18
        |1101051949123100X2|       -> character 17
        |1101054912310O2|          -> character 14
        |１10105491231002|         -> character 1
        |110105 9491231002X|       -> character 7
        |110105194912310021|       -> check digit
        |110105194912310030|       -> check digit
        |110105194902290021|       -> date
        |110105194913010021|       -> date
        |110105194900010021|       -> date
        |110105194901320021|       -> date
        |110105490229002|          -> date
        ||                         -> length 0
        |11010549123100|           -> length 14
        |1101054912310021|         -> length 16
        |11010519491231002|        -> length 17
        |11010519491231002X1|      -> length 19
        ",
    );
}

#[test]
fn every_other_check_digit_is_wrong() {
    for digit in "0123456789".chars() {
        assert_eq!(outcome(IdType::IdNumber, &format!("11010519491231002{digit}")), "check digit");
    }
}

#[test]
fn leap_days_exist_in_leap_years_only() {
    for (year, exists) in [(1900, false), (1996, true), (1997, false), (2000, true)] {
        let mut number = format!("110105{year}0229002");
        number.push(id_check_digit(&number));
        assert_eq!(normalise(IdType::IdNumber, &number).is_ok(), exists, "{year}");
    }
}

#[test]
fn phones() {
    run(
        IdType::Phone,
        "
        |13800138000|              -> +8613800138000
        | 138-0013-8000 |          -> +8613800138000
        |138.0013.8000|            -> +8613800138000
        |8613800138000|            -> +8613800138000
        |+86 138 0013 8000|        -> +8613800138000
        |(+86) 13800138000|        -> +8613800138000
        |0086-13800138000|         -> +8613800138000
        |+86 21 6888 8888|         -> +862168888888
        |+1 (212) 555-0100|        -> +12125550100
        |001 212 555 0100|         -> +12125550100
        |+85223456789|             -> +85223456789
        |+12345678|                -> +12345678
        |+123456789012345|         -> +123456789012345
        |+1234567|                 -> length 7
        |+1234567890123456|        -> length 16
        |+|                        -> length 0
        |00|                       -> length 0
        ||                         -> length 0
        |1380013800|               -> length 10
        |138001380001|             -> length 12
        |12800138000|              -> impossible
        |23800138000|              -> impossible
        |8612800138000|            -> impossible
        |+8612800138000|           -> impossible
        |+86138001380000|          -> impossible
        |+861380013800|            -> impossible
        |+86013800138000|          -> impossible
        |+0213800138000|           -> impossible
        |+ 86+13800138000|         -> character 5
        |1380013800O|              -> character 11
        |１３８00138000|           -> character 1
        |138\\t00138000|           -> character 4
        |tel:13800138000|          -> character 1
        ",
    );
}

#[test]
fn bank_cards() {
    run(
        IdType::BankCard,
        "
        |4111111111111111|         -> 4111111111111111
        | 4111 1111-1111 1111 |    -> 4111111111111111
        |6222021234567890128|      -> 6222021234567890128
        |501234567896|             -> 501234567896
        |4111111111111112|         -> check digit
        |4111111111111121|         -> check digit
        |0000000000000000|         -> impossible
        |50123456789|              -> length 11
        |62220212345678901289|     -> length 20
        ||                         -> length 0
        |4111.1111.1111.1111|      -> character 5
        |+4111111111111111|        -> character 1
        |４111111111111111|        -> character 1
        ",
    );
}

#[test]
fn devices() {
    run(
        IdType::Device,
        "
        |a|                        -> a
        | IMEI 35-209900-176148-1 |-> IMEI 35-209900-176148-1
        |设备甲|                   -> 设备甲
        ||                         -> length 0
        |   |                      -> length 0
        |a\\0b|                    -> character 2
        |a\\tb|                    -> character 2
        ",
    );
    assert_eq!(outcome(IdType::Device, &"d".repeat(256)), "d".repeat(256));
    assert_eq!(outcome(IdType::Device, &"d".repeat(257)), "length 257");
    assert_eq!(outcome(IdType::Device, &"设".repeat(86)), "length 258");
}

#[test]
fn normalising_twice_changes_nothing() {
    for (id_type, raw) in [
        (IdType::IdNumber, "110105491231002"),
        (IdType::Phone, "13800138000"),
        (IdType::BankCard, "4111 1111 1111 1111"),
        (IdType::Device, " d "),
    ] {
        let once = normalise(id_type, raw).expect("valid");
        assert_eq!(normalise(id_type, once.reveal()), Ok(once));
    }
}

#[test]
fn neither_errors_nor_debug_output_show_the_identifier() {
    for (id_type, raw) in [
        (IdType::IdNumber, "110105194912310021"),
        (IdType::IdNumber, "11010519491231002Y"),
        (IdType::Phone, "12800138000"),
        (IdType::Phone, "1380013800O"),
        (IdType::BankCard, "4111111111111112"),
    ] {
        let error = normalise(id_type, raw).expect_err("invalid");
        assert!(!format!("{error} {error:?}").contains(&raw[..6]), "{error}");
        assert!(error.to_string().contains(id_type.name()), "{error}");
        assert_eq!(error.id_type(), id_type);
    }
    let phone = normalise(IdType::Phone, "13800138000").expect("valid");
    assert_eq!(format!("{phone:?}"), "Normalised(PHONE, redacted)");
}

proptest::proptest! {
    #[test]
    fn arbitrary_text_never_panics(raw in ".*") {
        for id_type in IdType::ALL {
            let _ = normalise(*id_type, &raw);
        }
    }

    #[test]
    fn what_looks_almost_right_never_panics(raw in "[-0-9xX+() .]{0,24}") {
        for id_type in IdType::ALL {
            let _ = normalise(*id_type, &raw);
        }
    }
}

#[test]
fn identifiers_are_found_in_other_text() {
    for (text, found) in [
        ("case of 110105194912310020", None),
        ("case of 11010519491231002X, urgent", Some(IdType::IdNumber)),
        ("id:11010519491231002x", Some(IdType::IdNumber)),
        ("tel 13800138000", Some(IdType::Phone)),
        ("+8613800138000", Some(IdType::Phone)),
        ("008613800138000/2", Some(IdType::Phone)),
        ("card 6222021234567890128", Some(IdType::BankCard)),
        ("order 6222021234567890129", None),
        ("card 4111111111111111", Some(IdType::BankCard)),
        ("C-2041/1", None),
        ("", None),
        ("2026-01-01T00:00:00Z", None),
        ("1380013800", None),
        ("138001380001", None),
        ("0e8400e2-9b41-41d4-a716-446655440000", None),
        ("a13800138000b", None),
        ("\u{8eab}\u{4efd}\u{8bc1}11010519491231002X", Some(IdType::IdNumber)),
        ("xxxxxxxxxxxxxxxxxx", None),
        ("+++++++++++++++++++", None),
        ("1767225600000000", None),
    ] {
        assert_eq!(find_identifier(text), found, "{text}");
    }
}
