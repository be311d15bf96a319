//! A place in a line: what is read is eaten, what does not fit stays.

use memchr::{memchr, memmem};

use super::text::trim;

/// The unread rest of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor(bytes)
    }

    pub(super) const fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Eats `tag` if it comes next.
    pub(super) fn eat(&mut self, tag: &[u8]) -> bool {
        let rest = self.0.strip_prefix(tag);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Eats `tag` or gives up.
    pub(super) fn want(&mut self, tag: &[u8]) -> Option<()> {
        self.eat(tag).then_some(())
    }

    /// Eats up to and including `separator`, and gives what stood before it.
    pub(super) fn until(&mut self, separator: &[u8]) -> Option<&'a [u8]> {
        let at = match *separator {
            [byte] => memchr(byte, self.0)?,
            _ => memmem::find(self.0, separator)?,
        };
        let (before, found) = self.0.split_at_checked(at)?;
        self.0 = found.get(separator.len()..)?;
        Some(before)
    }

    /// Eats a padded field of `width` bytes that ends before `separator`.
    ///
    /// Where the widths do not fit (a fork, a collector that trimmed the line) the first separator decides.
    pub(super) fn padded(&mut self, width: usize, separator: &[u8]) -> Option<&'a [u8]> {
        match self.0.split_at_checked(width) {
            Some((field, rest)) if rest.starts_with(separator) => {
                self.0 = rest.get(separator.len()..)?;
                Some(field)
            }
            _ => self.until(separator),
        }
    }

    /// Eats at most `width` bytes.
    pub(super) fn up_to(&mut self, width: usize) -> &'a [u8] {
        let (field, rest) = self.0.split_at_checked(width).unwrap_or((self.0, &[]));
        self.0 = rest;
        field
    }

    /// Eats bytes while `wanted` holds.
    pub(super) fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|&byte| !wanted(byte)).unwrap_or(self.0.len());
        self.up_to(end)
    }

    /// Eats all that is left, without padding.
    pub(super) fn all(&mut self) -> &'a [u8] {
        trim(std::mem::take(&mut self.0))
    }

    pub(super) fn blanks(&mut self) {
        self.take_while(|byte| byte == b' ');
    }

    /// Eats a decimal number; gives up where there is none or where it does not fit.
    pub(super) fn number(&mut self) -> Option<u32> {
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        if digits.is_empty() {
            return None;
        }
        digits.iter().try_fold(0u32, |sum, digit| {
            sum.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
        })
    }
}
