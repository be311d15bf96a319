//! Whether an answer is one to this command at all. Answers of characters carry no opcode, so that the late answer to another
//! question has a check value that fits; how many fields there are, and of which form, tells most of them apart.

use std::collections::BTreeMap;

use super::is_in_answer;
use crate::error::FrameError;
use crate::protocol::{Agreement, BitStyle, Command, Field, FieldKind, TextKind};
use crate::reading::{Gap, Reading, Value};

/// One field in so many may have a form that it should not have; more of them, and the answer is another's.
const ONE_ODD_IN: usize = 4;
/// Most digits of a number that stands for a word.
const INDEX_DIGITS: usize = 3;

/// # Errors
/// When there are too few fields, too many, or too many of another form.
pub(super) fn text(command: &Command, payload: &[u8], separators: &[u8]) -> Result<(), FrameError> {
    let mut fields = command.fields.iter().filter(|field| is_in_answer(field));
    // A list goes on as it begins.
    let rest = fields.clone().next_back().filter(|_| command.open);
    let (mut found, mut odd) = (0_usize, 0_usize);
    for part in payload.split(|byte| separators.contains(byte)) {
        found = found.saturating_add(1);
        let fits = fields.next().or(rest).is_none_or(|field| has_form(field, part));
        odd = odd.saturating_add(usize::from(!fits));
    }
    let count = command.fields_expected();
    if count.contains(&found) && odd.saturating_mul(ONE_ODD_IN) <= found {
        return Ok(());
    }
    Err(FrameError::Unfitting)
}

/// # Errors
/// When too much is cut short or is no text, or what the answer says twice it says differently.
pub(super) fn bytes(agreements: &[Agreement], readings: &[Reading<'_>]) -> Result<(), FrameError> {
    let is_odd = |reading: &&Reading<'_>| {
        matches!(
            reading.value,
            Value::Missing(Gap::CutShort | Gap::NotText | Gap::NotANumber)
        )
    };
    let odd = readings.iter().filter(is_odd).count();
    if odd.saturating_mul(ONE_ODD_IN) > readings.len() {
        return Err(FrameError::Unfitting);
    }
    agreements.iter().try_for_each(|agreement| agreement.check(readings))
}

fn has_form(field: &Field, part: &[u8]) -> bool {
    field.form.as_ref().is_none_or(|form| is_formed(form.as_bytes(), part)) && has_form_of(field, part)
}

/// `#` is a digit, `*` anything, everything else itself.
fn is_formed(form: &[u8], part: &[u8]) -> bool {
    match (form, part) {
        ([], []) | ([b'*'], _) => true,
        ([b'*', form @ ..], [_, rest @ ..]) => is_formed(form, part) || is_formed_behind(form, rest),
        ([b'#', form @ ..], [b'0'..=b'9', rest @ ..]) => is_formed(form, rest),
        ([wanted, form @ ..], [found, rest @ ..]) => wanted == found && is_formed(form, rest),
        ([], _) | (_, []) => false,
    }
}

/// The form at some later place.
fn is_formed_behind(form: &[u8], part: &[u8]) -> bool {
    (0..part.len()).any(|at| part.get(at..).is_some_and(|rest| is_formed(form, rest)))
}

fn has_form_of(field: &Field, part: &[u8]) -> bool {
    match &field.kind {
        FieldKind::Skip | FieldKind::Ack | FieldKind::FromRequest(_) | FieldKind::Bytes(_) => true,
        FieldKind::EnumKey(words) => is_like_a_key(words, part),
        FieldKind::Text(TextKind::Int) => is_number(part, 0),
        FieldKind::Text(TextKind::Float) => is_number(part, 1),
        FieldKind::Text(TextKind::EnumIndex(_)) => {
            part.len() <= INDEX_DIGITS && part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'-'))
        }
        FieldKind::Text(TextKind::BitChars { bits, style }) => {
            let wide = part.len().saturating_mul(2) >= bits.len() && part.len() <= bits.len().saturating_mul(2);
            wide && (*style == BitStyle::Chars || part.iter().all(|byte| matches!(byte, b'0' | b'1' | b'-')))
        }
        FieldKind::Text(TextKind::EnableGroups(_)) => {
            matches!(part, [b'E' | b'D', ..]) && part.iter().all(u8::is_ascii_alphabetic)
        }
        FieldKind::Text(TextKind::PackedDigits(digits)) => {
            part.len() <= digits.len().saturating_add(1) && part.iter().all(u8::is_ascii_digit)
        }
        FieldKind::Text(TextKind::Word { .. }) => part.iter().all(|byte| matches!(byte, b' '..=b'~')),
    }
}

/// Digits, with a sign before and so many points between; dashes or nothing where there is no value.
fn is_number(part: &[u8], points: usize) -> bool {
    let unsigned = part.strip_prefix(b"+").or(part.strip_prefix(b"-")).unwrap_or(part);
    let is_gap = !part.iter().any(u8::is_ascii_digit);
    let found = part.iter().filter(|byte| **byte == b'.').count();
    (found == points || is_gap) && unsigned.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'))
}

/// As long as one of the codes, and letters where that has letters: a code that the protocol has no words for yet.
fn is_like_a_key(words: &BTreeMap<Box<str>, Box<str>>, part: &[u8]) -> bool {
    let alike = |(known, found): (u8, &u8)| {
        known.is_ascii_alphabetic() == found.is_ascii_alphabetic() && known.is_ascii_digit() == found.is_ascii_digit()
    };
    words
        .keys()
        .any(|key| key.len() == part.len() && key.bytes().zip(part).all(alike))
}
