//! Names of log files: `{root}-YYYY-MM-DD.log`, or `{root}.log` where the host does not rotate.

/// Which files are the host's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    root: String,
    rotate: bool,
}

impl Names {
    /// The files that a host with this `FileRoot` and `FileRotate` writes.
    #[must_use]
    pub fn new(root: &str, rotate: bool) -> Names {
        Names {
            root: root.to_owned(),
            rotate,
        }
    }

    /// Whether the host writes a file of this name. Names of daily files sort by their date.
    #[must_use]
    pub fn is_log(&self, name: &str) -> bool {
        let Some(middle) = name.strip_prefix(&self.root).and_then(|rest| rest.strip_suffix(".log")) else {
            return false;
        };
        if self.rotate {
            is_date(middle)
        } else {
            middle.is_empty()
        }
    }

    /// Whether somebody renamed one of the host's files to this name (`MMDVM.log.1`).
    #[must_use]
    pub fn may_be_renamed(&self, name: &str) -> bool {
        name.starts_with(&self.root) && !self.is_log(name)
    }
}

/// `-YYYY-MM-DD`
fn is_date(text: &str) -> bool {
    let shape = b"-dddd-dd-dd";
    text.len() == shape.len()
        && text.bytes().zip(shape).all(|(byte, wanted)| match wanted {
            b'd' => byte.is_ascii_digit(),
            other => byte == *other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_daily_files_hold_a_date_and_nothing_else() {
        let names = Names::new("MMDVM", true);
        assert!(names.is_log("MMDVM-2026-11-21.log"));
        for other in [
            "MMDVM.log",
            "MMDVM-2026-11-21.log.1",
            "MMDVM-2026-11-2.log",
            "DMRGateway-2026-11-21.log",
            "MMDVM-today-ok.log",
        ] {
            assert!(!names.is_log(other), "{other}");
        }
        assert!(names.may_be_renamed("MMDVM-2026-11-21.log.1"));
        assert!(Names::new("MMDVM", false).is_log("MMDVM.log"));
    }
}
