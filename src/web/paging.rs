//! Lists by the page: limits, and cursors that stay right while new things come in.
//!
//! A cursor names the last item of a page, never a row number, so that nothing is skipped or shown twice.
//! Clients hand it back as it is.

use std::fmt;
use std::str::FromStr;

use journal::Order;
use model::Seq;
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;

use super::problem::{Kind, Problem};

/// Items on a page when nobody says.
pub(crate) const DEFAULT_LIMIT: u32 = 100;

/// Most items on a page; more than this is a job for the cursor.
pub(crate) const MAX_LIMIT: u32 = 1000;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Paged<T> {
    /// The items, in the order of the list.
    pub(crate) items: Vec<T>,
    /// Give this as `cursor` for the page behind; null on the last one.
    #[schema(value_type = Option<String>)]
    pub(crate) next: Option<Cursor>,
}

impl<T> Paged<T> {
    /// From `limit + 1` items asked for: the one too many says that there is another page.
    pub(crate) fn new(mut items: Vec<T>, limit: u32, order: Order, seq: impl Fn(&T) -> Seq) -> Paged<T> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().map(seq).filter(|_| more);
        Paged {
            next: last.map(|seq| Cursor { order, seq }),
            items,
        }
    }
}

/// Where a page ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) order: Order,
    pub(crate) seq: Seq,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match self.order {
            Order::OldestFirst => 'o',
            Order::NewestFirst => 'n',
        };
        write!(f, "{order}{}", self.seq)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Cursor, &'static str> {
        const REFUSAL: &str = "cursor is none that this service gave";
        let (order, seq) = match text.strip_prefix('o') {
            Some(seq) => (Order::OldestFirst, seq),
            None => (Order::NewestFirst, text.strip_prefix('n').ok_or(REFUSAL)?),
        };
        let seq = seq.parse().map_err(|_| REFUSAL)?;
        Ok(Cursor { order, seq: Seq(seq) })
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cursor, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The limit of a query, checked.
pub(crate) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::new(
        Kind::BadQuery,
        format!("limit must be 1 to {MAX_LIMIT}, not {limit}"),
    ))
}

/// The items of a comma-separated parameter.
pub(crate) fn list(text: Option<&str>) -> Vec<String> {
    let items = text.unwrap_or_default().split(',').map(str::trim);
    items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_survives_text_and_back_and_foreign_text_is_refused() {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let cursor = Cursor { order, seq: Seq(42) };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for text in ["", "42", "x42", "n", "n-1", "o1 OR 1=1"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn page_points_onwards_only_if_there_is_more() {
        let page = |count: u64| Paged::new((1..=count).collect(), 2, Order::OldestFirst, |seq| Seq(*seq));
        assert_eq!(page(2).next, None);
        let more = page(3);
        assert_eq!(more.items, [1, 2]);
        assert_eq!(more.next.map(|next| next.to_string()).as_deref(), Some("o2"));
    }
}
