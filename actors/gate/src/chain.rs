//! The audit as a chain: each row is sealed together with the seal of the row before it.
//!
//! Whoever alters, removes, inserts or swaps rows without the station's secret leaves a row whose seal does not fit. Rows
//! that are cut off at the end leave no such row: the head, sealed and kept apart, says how many there must be.

use model::{Seq, Timestamp};
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use crate::seal::{Seal, Sealing};

/// What the seals of rows are about.
const ROW: &str = "stationd audit row 1";
/// What the seals of heads are about.
const HEAD: &str = "stationd audit head 1";
/// What the first row is chained to.
pub const BEGINNING: &str = "";

/// A row of the audit, complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditRow {
    /// Its number, dense, from 1.
    pub number: u64,
    /// Position in the journal of the event that it tells.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// Who; `gate` for what the gate did by itself.
    pub who: String,
    /// In which role; empty for the gate.
    pub role: String,
    /// What happened: the event's type.
    pub step: String,
    /// To which command, if to one.
    pub command_id: Option<u64>,
    /// Whom it concerns.
    pub target: String,
    /// What was to be done.
    pub verb: String,
    /// All that belongs to this step, as JSON.
    #[schema(value_type = Object)]
    #[serde(serialize_with = "as_json")]
    pub detail: String,
    /// Its seal, over all of this and the seal of the row before.
    pub hash: String,
}

fn as_json<S: serde::Serializer>(detail: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match serde_json::from_str::<&serde_json::value::RawValue>(detail) {
        Ok(value) => value.serialize(serializer),
        Err(_) => serializer.serialize_str(detail),
    }
}

impl AuditRow {
    fn sealing(&self, seal: &Seal, before: &str) -> Sealing {
        seal.begin(ROW)
            .text(before)
            .number(self.number.cast_signed())
            .number(self.seq.0.cast_signed())
            .number(self.at.unix_ms())
            .text(&self.who)
            .text(&self.role)
            .text(&self.step)
            .number(self.command_id.map_or(-1, u64::cast_signed))
            .text(&self.target)
            .text(&self.verb)
            .text(&self.detail)
    }

    /// Its seal behind the row whose seal is `before`.
    #[must_use]
    pub fn seal(&self, seal: &Seal, before: &str) -> String {
        self.sealing(seal, before).finish()
    }
}

/// The end of the chain, kept apart from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Head {
    /// How many rows there are.
    pub rows: u64,
    /// The seal of the last one.
    pub hash: String,
}

impl Head {
    /// What proves that a station wrote it.
    #[must_use]
    pub fn seal(&self, seal: &Seal) -> String {
        self.sealing(seal).finish()
    }

    /// Whether this proves it.
    #[must_use]
    pub fn is_sealed(&self, seal: &Seal, tag: &str) -> bool {
        self.sealing(seal).is(tag)
    }

    fn sealing(&self, seal: &Seal) -> Sealing {
        seal.begin(HEAD).number(self.rows.cast_signed()).text(&self.hash)
    }
}

/// The first thing that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, ToSchema)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// Rows are gone in the middle.
    #[error("row {number} is missing")]
    Missing {
        /// The first that is.
        number: u64,
    },
    /// The row is not the one that was written there: altered, inserted, or swapped.
    #[error("row {number} (event {seq}) is not as it was written")]
    Altered {
        /// Which.
        number: u64,
        /// The event that it claims to tell.
        seq: Seq,
    },
    /// Rows are gone at the end.
    #[error("the last rows are missing: there are {found} of {expected}")]
    Truncated {
        /// As many as there are.
        found: u64,
        /// As many as the head says.
        expected: u64,
    },
    /// There are rows behind the head.
    #[error("row {number} was added behind the head")]
    Added {
        /// The first of them.
        number: u64,
    },
    /// The head was not written by this station, or with another secret.
    #[error("the head is not as it was written, or the key is not the one of this journal")]
    Head,
    /// A head that was noted elsewhere is gone.
    #[error("the head that was noted is not in the audit: rows were cut off, or all was written anew")]
    Rewritten,
    /// An event has no row.
    #[error("event {seq} of the journal has no row")]
    Untold {
        /// Which event.
        seq: Seq,
    },
}

/// Follows a chain row by row.
#[derive(Debug)]
pub struct Verifier<'a> {
    seal: &'a Seal,
    before: String,
    rows: u64,
}

impl<'a> Verifier<'a> {
    /// At the beginning.
    #[must_use]
    pub fn new(seal: &'a Seal) -> Verifier<'a> {
        Verifier::behind(seal, None)
    }

    /// Behind a row that is taken as it stands.
    #[must_use]
    pub fn behind(seal: &'a Seal, row: Option<&AuditRow>) -> Verifier<'a> {
        Verifier {
            seal,
            before: row.map_or(BEGINNING, |row| &row.hash).to_owned(),
            rows: row.map_or(0, |row| row.number),
        }
    }

    /// Takes the next row.
    ///
    /// # Errors
    /// When it is not the next one as it was written.
    pub fn take(&mut self, row: &AuditRow) -> Result<(), Fault> {
        let next = self.rows.saturating_add(1);
        if row.number > next {
            return Err(Fault::Missing { number: next });
        }
        if row.number < next || !row.sealing(self.seal, &self.before).is(&row.hash) {
            return Err(Fault::Altered {
                number: row.number,
                seq: row.seq,
            });
        }
        self.before.clone_from(&row.hash);
        self.rows = next;
        Ok(())
    }

    /// Rows that are as they were written.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Compares what was seen with the head. A journal without any row has no head.
    ///
    /// # Errors
    /// When the end is not the one that was written.
    pub fn finish(&self, head: Option<(&Head, &str)>) -> Result<(), Fault> {
        let none = Head::default();
        let head = match head {
            Some((head, tag)) if head.is_sealed(self.seal, tag) => head,
            Some(_) => return Err(Fault::Head),
            None => &none,
        };
        match self.rows.cmp(&head.rows) {
            std::cmp::Ordering::Less => Err(Fault::Truncated {
                found: self.rows,
                expected: head.rows,
            }),
            std::cmp::Ordering::Greater => Err(Fault::Added {
                number: head.rows.saturating_add(1),
            }),
            std::cmp::Ordering::Equal if head.hash == self.before => Ok(()),
            std::cmp::Ordering::Equal => Err(Fault::Head),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seal() -> Seal {
        Seal::new(&[3; 32])
    }

    fn chain(rows: u64) -> Vec<AuditRow> {
        let mut before = BEGINNING.to_owned();
        let row = |number: u64| {
            let mut row = AuditRow {
                number,
                seq: Seq(number * 3),
                at: Timestamp::from_unix_ms(1_000),
                who: "ann".to_owned(),
                role: "operator".to_owned(),
                step: "command_done".to_owned(),
                command_id: Some(number),
                target: "web".to_owned(),
                verb: "actor.restart".to_owned(),
                detail: format!("{{\"n\":{number}}}"),
                hash: String::new(),
            };
            row.hash = row.seal(&seal(), &before);
            before.clone_from(&row.hash);
            row
        };
        (1..=rows).map(row).collect()
    }

    fn head(rows: &[AuditRow]) -> Head {
        Head {
            rows: u64::try_from(rows.len()).unwrap(),
            hash: rows.last().map_or(BEGINNING, |row| &row.hash).to_owned(),
        }
    }

    fn verify(rows: &[AuditRow], head: &Head) -> Result<(), Fault> {
        let seal = seal();
        let mut verifier = Verifier::new(&seal);
        rows.iter().try_for_each(|row| verifier.take(row))?;
        verifier.finish(Some((head, &head.seal(&seal))))
    }

    proptest! {
        #[test]
        fn chain_as_it_was_written_is_sound(length in 0_u64..20) {
            let rows = chain(length);
            prop_assert_eq!(verify(&rows, &head(&rows)), Ok(()));
        }

        #[test]
        fn altered_row_is_named(length in 1_u64..20, pick: prop::sample::Index, field in 0_u8..11) {
            let mut rows = chain(length);
            let head = head(&rows);
            let row = pick.get(&rows).number;
            let altered = &mut rows[usize::try_from(row - 1).unwrap()];
            match field {
                0 => altered.seq = Seq(altered.seq.0 + 1),
                1 => altered.at = Timestamp::from_unix_ms(1_001),
                2 => altered.who.push('x'),
                3 => altered.role = "admin".to_owned(),
                4 => altered.step = "command_failed".to_owned(),
                5 => altered.command_id = None,
                6 => altered.target.clear(),
                7 => altered.verb.push('x'),
                8 => altered.detail.push(' '),
                9 => altered.hash = "00".repeat(32),
                // From one field into the next.
                _ => {
                    altered.target.push('a');
                    altered.verb.remove(0);
                }
            }
            let seq = altered.seq;
            prop_assert_eq!(verify(&rows, &head), Err(Fault::Altered { number: row, seq }));
        }

        #[test]
        fn missing_row_is_named(length in 2_u64..20, pick: prop::sample::Index) {
            let mut rows = chain(length);
            let head = head(&rows);
            let gone = rows.remove(pick.index(rows.len() - 1));
            prop_assert_eq!(verify(&rows, &head), Err(Fault::Missing { number: gone.number }));
        }

        #[test]
        fn rows_that_changed_places_are_named(length in 2_u64..20, pick: prop::sample::Index) {
            let mut rows = chain(length);
            let head = head(&rows);
            let first = pick.index(rows.len() - 1);
            rows.swap(first, first + 1);
            prop_assert!(verify(&rows, &head).is_err());
            // Also under each other's numbers.
            let (a, b) = (rows[first].number, rows[first + 1].number);
            (rows[first].number, rows[first + 1].number) = (b, a);
            let seq = rows[first].seq;
            prop_assert_eq!(verify(&rows, &head), Err(Fault::Altered { number: b, seq }));
        }

        #[test]
        fn inserted_row_is_named(length in 1_u64..20, pick: prop::sample::Index) {
            let mut rows = chain(length);
            let head = head(&rows);
            let copy = pick.get(&rows).clone();
            let at = copy.number;
            rows.insert(usize::try_from(at).unwrap(), AuditRow { number: at + 1, ..copy.clone() });
            for row in &mut rows[usize::try_from(at + 1).unwrap()..] {
                row.number += 1;
            }
            prop_assert_eq!(verify(&rows, &head), Err(Fault::Altered { number: at + 1, seq: copy.seq }));
        }

        #[test]
        fn cut_off_end_is_told(length in 1_u64..20, keep: prop::sample::Index) {
            let mut rows = chain(length);
            let head = head(&rows);
            rows.truncate(keep.index(rows.len()));
            let found = u64::try_from(rows.len()).unwrap();
            prop_assert_eq!(verify(&rows, &head), Err(Fault::Truncated { found, expected: length }));
        }
    }

    #[test]
    fn head_of_another_hand_is_refused() {
        let rows = chain(3);
        let seal = seal();
        let mut verifier = Verifier::new(&seal);
        rows.iter().try_for_each(|row| verifier.take(row)).unwrap();
        let mut head = head(&rows);
        let tag = head.seal(&seal);
        head.rows = 2;
        assert_eq!(verifier.finish(Some((&head, &tag))), Err(Fault::Head));
        assert_eq!(verifier.finish(None), Err(Fault::Added { number: 1 }));
    }

    #[test]
    fn chain_of_another_key_does_not_verify() {
        let rows = chain(1);
        let other = Seal::new(&[4; 32]);
        let refused = Verifier::new(&other).take(&rows[0]);
        assert!(matches!(refused, Err(Fault::Altered { number: 1, .. })));
    }
}
