//! Bytes from a file into whole lines and what is left of the last one.

use memchr::{memchr, memrchr};

/// What to hand on of the bytes that were read, and how far that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bytes to leave out first: the rest of a line that was given up as too long.
    pub skip: usize,
    /// Where the last whole line ends; nothing is handed on if this is not behind `skip`.
    pub end: usize,
    /// The bytes end inside a line that is too long to be waited for.
    pub inside_line: bool,
}

/// Cuts `bytes`, which begin inside a line that was given up if `inside_line`.
///
/// A line without its end stays in the file until the host has written it, unless the file `is_over`, or the line
/// fills the whole buffer (`is_full`): no genuine line does, and waiting for its end would stop the reader.
#[must_use]
pub fn cut(bytes: &[u8], inside_line: bool, is_full: bool, is_over: bool) -> Cut {
    let skip = if inside_line {
        memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1)
    } else {
        0
    };
    let still_inside = inside_line && skip == bytes.len() && bytes.last() != Some(&b'\n');
    let end = match memrchr(b'\n', bytes) {
        _ if is_over => bytes.len(),
        Some(end) => end + 1,
        None if still_inside || is_full => bytes.len(),
        None => 0,
    };
    Cut {
        skip: skip.min(end),
        end,
        inside_line: !is_over && (still_inside || (is_full && memchr(b'\n', bytes).is_none())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(skip: usize, end: usize, inside_line: bool) -> Cut {
        Cut { skip, end, inside_line }
    }

    #[test]
    fn partial_last_line_waits_for_its_end() {
        assert_eq!(cut(b"ab\ncd", false, false, false), at(0, 3, false));
        assert_eq!(cut(b"cd", false, false, false), at(0, 0, false));
        assert_eq!(cut(b"cd", false, false, true), at(0, 2, false));
    }

    #[test]
    fn line_that_fills_the_buffer_is_given_up_and_its_rest_left_out() {
        assert_eq!(cut(b"xxxx", false, true, false), at(0, 4, true));
        assert_eq!(cut(b"xxxx", true, true, false), at(4, 4, true));
        assert_eq!(cut(b"xx", true, false, false), at(2, 2, true));
        assert_eq!(cut(b"x\nab\nc", true, false, false), at(2, 5, false));
        assert_eq!(cut(b"xxx\n", true, true, false), at(4, 4, false));
    }
}
