//! Text that the host copied from elsewhere: bytes of any encoding, shown harmlessly.

use std::borrow::Cow;
use std::fmt;

/// Bytes out of a line: a callsign, a talker alias, a firmware's name. Radios and networks wrote them, so they may
/// be Latin-1, hold control characters or quotes. The bytes are kept; what is shown is UTF-8 without controls.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Text<'a>(Cow<'a, [u8]>);

impl<'a> Text<'a> {
    /// Text over borrowed bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Text<'a> {
        Text(Cow::Borrowed(bytes))
    }

    /// A field without its padding; `None` if nothing is left, or only the host's marks for "unknown".
    ///
    /// Padding is blanks, on the left too: the host pads there when the field holds a NUL.
    #[must_use]
    pub fn field(bytes: &'a [u8]) -> Option<Text<'a>> {
        let unknown = |byte: &u8| matches!(byte, b'?' | b'*');
        let trimmed = trim(bytes);
        (!trimmed.is_empty() && !trimmed.iter().all(unknown)).then_some(Text::new(trimmed))
    }

    /// The bytes as the host wrote them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text behind its first `count` bytes.
    #[must_use]
    pub fn without_first(&self, count: usize) -> Text<'a> {
        match &self.0 {
            Cow::Borrowed(bytes) => Text::new(bytes.get(count..).unwrap_or_default()),
            Cow::Owned(bytes) => Text(Cow::Owned(bytes.iter().skip(count).copied().collect())),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same text, independent of the line it came from.
    #[must_use]
    pub fn into_owned(self) -> Text<'static> {
        Text(Cow::Owned(self.0.into_owned()))
    }

    /// The text to keep and show: at most `limit` characters, no control characters, bad UTF-8 replaced.
    #[must_use]
    pub fn shown(&self, limit: usize) -> String {
        printable(&String::from_utf8_lossy(&self.0)).take(limit).collect()
    }
}

/// Without blanks and NULs at either end.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let padding = |byte: &u8| matches!(byte, b' ' | 0);
    let start = bytes.iter().position(|byte| !padding(byte)).unwrap_or(bytes.len());
    let end = bytes
        .iter()
        .rposition(|byte| !padding(byte))
        .map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}

fn printable(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !c.is_control())
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        printable(&String::from_utf8_lossy(&self.0)).try_for_each(|c| fmt::Write::write_char(f, c))
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_shows_neither_controls_nor_broken_utf8() {
        assert_eq!(Text::new(b"a\x1b[2J\nb\xe9\xff").to_string(), "a[2Jb\u{fffd}\u{fffd}");
        assert_eq!(Text::new("J\u{f6}rg 73".as_bytes()).shown(3), "J\u{f6}r");
    }

    #[test]
    fn field_loses_padding_on_both_sides_and_unknown_marks() {
        assert_eq!(Text::field(b"M0ABC  D"), Some(Text::new(b"M0ABC  D")));
        assert_eq!(Text::field(b"\0 G4KLX  "), Some(Text::new(b"G4KLX")));
        for nothing in [&b"          "[..], b"??????????", b"**********", b""] {
            assert_eq!(Text::field(nothing), None);
        }
    }
}
