//! Chunks of a file into lines, wherever the chunks are cut.

use memchr::memchr;

use super::reader::MAX_LINE;

/// Holds the beginning of a line until its end arrives, and never more than a line can be long.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// Takes the next chunk; each line that it completes goes to `sink`, without its newline.
    ///
    /// Of a line longer than any genuine one only the beginning is kept, enough to be known as too long.
    pub fn push(&mut self, mut chunk: &[u8], mut sink: impl FnMut(&[u8])) {
        while let Some((line, rest)) = memchr(b'\n', chunk).and_then(|end| chunk.split_at_checked(end)) {
            if self.partial.is_empty() {
                sink(line);
            } else {
                self.keep(line);
                sink(&self.partial);
                self.partial.clear();
            }
            chunk = rest.get(1..).unwrap_or_default();
        }
        self.keep(chunk);
    }

    /// The last line, if the input does not end with a newline.
    pub fn finish(&mut self, mut sink: impl FnMut(&[u8])) {
        if !self.partial.is_empty() {
            sink(&self.partial);
            self.partial.clear();
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = (MAX_LINE + 1).saturating_sub(self.partial.len());
        self.partial.extend(bytes.iter().take(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for chunk in chunks {
            lines.push(chunk, |line| seen.push(line.to_vec()));
        }
        lines.finish(|line| seen.push(line.to_vec()));
        seen
    }

    #[test]
    fn line_far_too_long_is_kept_no_longer_than_needed() {
        let long = vec![b'x'; 100_000];
        let seen = split(&[&long, &long, b"\nM: "]);
        assert_eq!(seen.iter().map(Vec::len).collect::<Vec<_>>(), [MAX_LINE + 1, 3]);
    }

    proptest! {
        #[test]
        fn lines_are_the_same_wherever_chunks_are_cut(text in "([a-c]{0,5}\n){0,8}[a-c]{0,3}", cut in 0usize..60) {
            let (head, tail) = text.as_bytes().split_at(cut.min(text.len()));
            prop_assert_eq!(split(&[head, tail]), split(&[text.as_bytes()]));
        }
    }
}
