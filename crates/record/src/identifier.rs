//! Raw identifiers of borrowers: one spelling for each, or an error. What does not validate gets
//! no tag.
//!
//! A raw identifier never leaves the member's node and is never stored or logged. So the result is
//! wiped from memory and cannot be printed by accident, and no error quotes what it is about.

use std::fmt;

use ::time::{Date, Month};
use zeroize::Zeroizing;

use crate::IdType;
use crate::limits::MAX_DEVICE_BYTES;

/// An identifier in its one spelling; wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Normalised {
    id_type: IdType,
    text: Zeroizing<String>,
}

impl Normalised {
    /// Which kind of identifier it is.
    pub const fn id_type(&self) -> IdType {
        self.id_type
    }

    /// The identifier itself. It must not be stored, sent or logged.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Normalised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Normalised({}, redacted)", self.id_type)
    }
}

/// Why an identifier was refused. Says what was expected and what is wrong, never the identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// Too short or too long.
    #[error("{id_type}: expected {}, got a length of {length}", expected(*.id_type))]
    Length {
        /// The kind of identifier expected.
        id_type: IdType,
        /// How long it is after spaces and punctuation are dropped (bytes for a device).
        length: usize,
    },
    /// A character that does not belong there.
    #[error("{id_type}: expected {}, but character {position} is something else", expected(*.id_type))]
    Character {
        /// The kind of identifier expected.
        id_type: IdType,
        /// The character's place, from 1, after outer white space is dropped.
        position: usize,
    },
    /// The check digit is not what the other digits demand: most likely a typing mistake.
    #[error("{id_type}: the check digit is wrong, so some digit is")]
    CheckDigit {
        /// The kind of identifier expected.
        id_type: IdType,
    },
    /// The birth date in an identity number is not a day of the calendar.
    #[error("{id_type}: the birth date in it does not exist")]
    Date {
        /// The kind of identifier expected.
        id_type: IdType,
    },
    /// Digits of the right number that nobody can have.
    #[error("{id_type}: expected {}, but no such number can exist", expected(*.id_type))]
    Impossible {
        /// The kind of identifier expected.
        id_type: IdType,
    },
}

impl IdentifierError {
    /// The error's stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Length { .. } => "IDENTIFIER_LENGTH",
            Self::Character { .. } => "IDENTIFIER_CHARACTER",
            Self::CheckDigit { .. } => "IDENTIFIER_CHECK_DIGIT",
            Self::Date { .. } => "IDENTIFIER_DATE",
            Self::Impossible { .. } => "IDENTIFIER_IMPOSSIBLE",
        }
    }

    /// The kind of identifier that was expected.
    pub const fn id_type(&self) -> IdType {
        match self {
            Self::Length { id_type, .. }
            | Self::Character { id_type, .. }
            | Self::CheckDigit { id_type }
            | Self::Date { id_type }
            | Self::Impossible { id_type } => *id_type,
        }
    }
}

/// What a right identifier looks like, for people.
const fn expected(id_type: IdType) -> &'static str {
    match id_type {
        IdType::IdNumber => "18 digits (the last may be X), or 15 digits of the old form",
        IdType::Phone => {
            "a phone number in E.164 form (+ and 8 to 15 digits), or a mobile number of mainland China with 11 digits"
        }
        IdType::BankCard => "12 to 19 digits",
        IdType::Device => "1 to 256 bytes without control characters",
    }
}

/// The one spelling of an identifier. White space (Unicode `White_Space`) around it is dropped.
///
/// # Errors
/// When it is not a valid identifier of its type. The error does not contain it.
pub fn normalise(id_type: IdType, raw: &str) -> Result<Normalised, IdentifierError> {
    let raw = raw.trim();
    let text = match id_type {
        IdType::IdNumber => id_number(raw),
        IdType::Phone => phone(raw),
        IdType::BankCard => bank_card(raw),
        IdType::Device => device(raw),
    }?;
    Ok(Normalised { id_type, text })
}

/// An empty string that can take `bytes` bytes without moving, which would leave a copy behind.
fn room_for(bytes: usize) -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(bytes))
}

/// GB 11643-1999: 6 digits of region, 8 of birth date, 3 of sequence, and a check digit. The old
/// form of 15 digits has a year of two digits, always 19.., and no check digit.
fn id_number(raw: &str) -> Result<Zeroizing<String>, IdentifierError> {
    let id_type = IdType::IdNumber;
    let length = raw.chars().count();
    if length != 15 && length != 18 {
        return Err(IdentifierError::Length { id_type, length });
    }
    let digit_or_x = |(at, c): (usize, char)| c.is_ascii_digit() || (at == 17 && "xX".contains(c));
    if let Some(at) = raw.chars().enumerate().position(|place| !digit_or_x(place)) {
        return Err(IdentifierError::Character { id_type, position: at + 1 });
    }
    let mut text = room_for(18);
    if length == 15 {
        text.push_str(&raw[..6]);
        text.push_str("19");
        text.push_str(&raw[6..]);
    } else {
        text.push_str(&raw[..17]);
    }
    let check = id_check_digit(&text);
    text.push(check);
    if !is_date(&text[6..14]) {
        return Err(IdentifierError::Date { id_type });
    }
    if length == 18 && !raw.ends_with([check, check.to_ascii_lowercase()]) {
        return Err(IdentifierError::CheckDigit { id_type });
    }
    Ok(text)
}

/// ISO 7064 MOD 11-2 over the first 17 digits.
fn id_check_digit(digits: &str) -> char {
    let remainder = digits.bytes().fold(0, |sum, digit| (sum + u32::from(digit - b'0')) * 2 % 11);
    match (12 - remainder) % 11 {
        10 => 'X',
        digit => char::from_digit(digit, 10).expect("a remainder of 11 other than 10 is a digit"),
    }
}

/// Whether 8 digits are a day of the calendar.
fn is_date(digits: &str) -> bool {
    let number = |digits: &str| digits.parse::<u8>().ok();
    let day = || {
        let year = digits[..4].parse::<i32>().ok()?;
        let month = Month::try_from(number(&digits[4..6])?).ok()?;
        Date::from_calendar_date(year, month, number(&digits[6..8])?).ok()
    };
    day().is_some()
}

/// The characters of `raw` without punctuation, each of which must be a digit; a leading plus sign
/// is kept where it may be.
fn digits_only(
    id_type: IdType,
    raw: &str,
    punctuation: &[char],
) -> Result<Zeroizing<String>, IdentifierError> {
    let mut digits = room_for(raw.len());
    for (at, c) in raw.chars().enumerate() {
        if punctuation.contains(&c) {
            continue;
        }
        let plus = c == '+' && id_type == IdType::Phone && digits.is_empty();
        if !plus && !c.is_ascii_digit() {
            return Err(IdentifierError::Character { id_type, position: at + 1 });
        }
        digits.push(c);
    }
    Ok(digits)
}

/// ITU-T E.164; a number without a country code is a mobile number of mainland China.
fn phone(raw: &str) -> Result<Zeroizing<String>, IdentifierError> {
    let id_type = IdType::Phone;
    let dialled = digits_only(id_type, raw, &[' ', '-', '.', '(', ')'])?;
    let mut text = room_for(dialled.len() + 3);
    text.push('+');
    if let Some(digits) = dialled.strip_prefix('+').or_else(|| dialled.strip_prefix("00")) {
        text.push_str(digits);
    } else if dialled.strip_prefix("86").is_some_and(is_mobile) {
        text.push_str(&dialled);
    } else if is_mobile(&dialled) {
        text.push_str("86");
        text.push_str(&dialled);
    } else if matches!(dialled.len(), 11 | 13) {
        return Err(IdentifierError::Impossible { id_type });
    } else {
        return Err(IdentifierError::Length { id_type, length: dialled.len() });
    }
    let number = &text[1..];
    if !(8..=15).contains(&number.len()) {
        return Err(IdentifierError::Length { id_type, length: number.len() });
    }
    // No country code begins with 0. In China, what begins with 1 is a mobile number here, and
    // the 0 that is dialled before an area code at home is no part of E.164.
    let possible = match number.strip_prefix("86") {
        Some(national) if national.starts_with('1') => is_mobile(national),
        Some(national) => !national.starts_with('0'),
        None => !number.starts_with('0'),
    };
    if possible { Ok(text) } else { Err(IdentifierError::Impossible { id_type }) }
}

/// Whether these digits are a mobile number of mainland China.
fn is_mobile(digits: &str) -> bool {
    digits.len() == 11 && digits.starts_with('1') && matches!(digits.as_bytes()[1], b'3'..=b'9')
}

/// ISO/IEC 7812-1: the last digit is a check digit by Luhn's formula.
fn bank_card(raw: &str) -> Result<Zeroizing<String>, IdentifierError> {
    let id_type = IdType::BankCard;
    let digits = digits_only(id_type, raw, &[' ', '-'])?;
    if !(12..=19).contains(&digits.len()) {
        return Err(IdentifierError::Length { id_type, length: digits.len() });
    }
    // All zeros satisfy the formula and are a placeholder.
    if digits.bytes().all(|digit| digit == b'0') {
        return Err(IdentifierError::Impossible { id_type });
    }
    let luhn = |(at, digit): (usize, u8)| match (at % 2, u32::from(digit - b'0')) {
        (0, digit) => digit,
        (_, digit) => digit * 2 / 10 + digit * 2 % 10,
    };
    if !digits.bytes().rev().enumerate().map(luhn).sum::<u32>().is_multiple_of(10) {
        return Err(IdentifierError::CheckDigit { id_type });
    }
    Ok(digits)
}

/// Whether a text that goes to others or to disk holds an identifier as people write it: a word that
/// is a valid identity number of 18 digits, a mobile number of mainland China, or a card number of a
/// network's. Says of which kind. Only what is unlikely by accident is looked for (a random name in
/// hexadecimal digits is none), so finding nothing proves nothing.
pub fn find_identifier(text: &str) -> Option<IdType> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '+').find_map(kind_of_word)
}

/// What kind of identifier a word is, if it is one.
fn kind_of_word(word: &str) -> Option<IdType> {
    if word.len() == 18 && id_number(word).is_ok() {
        return Some(IdType::IdNumber);
    }
    let digits = word.strip_prefix('+').unwrap_or(word);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let national = digits.strip_prefix("0086").or_else(|| digits.strip_prefix("86"));
    if is_mobile(national.unwrap_or(digits)) {
        return Some(IdType::Phone);
    }
    // By their first digits: UnionPay, Visa, Mastercard.
    let of_a_network = digits.starts_with("62") || digits.starts_with(['4', '5']);
    let card = matches!(digits.len(), 16 | 19) && of_a_network && bank_card(digits).is_ok();
    card.then_some(IdType::BankCard)
}

/// Whatever a member's own software calls a device.
fn device(raw: &str) -> Result<Zeroizing<String>, IdentifierError> {
    let id_type = IdType::Device;
    if raw.is_empty() || raw.len() > MAX_DEVICE_BYTES {
        return Err(IdentifierError::Length { id_type, length: raw.len() });
    }
    if let Some(at) = raw.chars().position(char::is_control) {
        return Err(IdentifierError::Character { id_type, position: at + 1 });
    }
    let mut text = room_for(raw.len());
    text.push_str(raw);
    Ok(text)
}

#[cfg(test)]
mod tests;
