//! One fact out of two tellings: what the log line knows better than the JSON message of the same moment.

use model::repeater::{CallKind, CallSource, Mode};

use super::fields;
use crate::grammar::{Channel, End, Ending, Figures, Line, Parties, Start, Text};

/// What JSON calls lost is, of a network call, the watchdog.
pub(super) const fn ending(ending: Ending, channel: Channel) -> Ending {
    match (ending, channel.source) {
        (Ending::Lost, CallSource::Network) => Ending::Watchdog,
        (ending, _) => ending,
    }
}

/// Who a line names, by the names that JSON would use.
pub(super) fn parties<'a>(line: &'a Parties<'_>) -> Parties<'a> {
    Parties {
        from: line.from.as_ref().and_then(|from| fields::first_word(from.bytes())),
        suffix: line.suffix.as_ref().map(borrowed),
        to: line.to.as_ref().map(borrowed),
        kind: line.kind,
    }
}

fn borrowed<'a>(text: &'a Text<'_>) -> Text<'a> {
    Text::new(text.bytes())
}

/// A start as JSON tells it, with what its log line knows better: the source of NXDN data, which JSON labels network
/// whatever it is, and the D-Star destination, which JSON cuts at its first blank.
pub(super) fn completed<'a>(mut start: Start<'a>, twin: Option<&'a Line<'_>>) -> Start<'a> {
    let Some(Line::Started(line)) = twin else { return start };
    if start.channel.mode == Mode::Nxdn {
        start.channel = line.channel;
    }
    let cut = start.parties.to.as_ref().map(Text::bytes).unwrap_or_default();
    let whole = line.parties.to.as_ref().filter(|to| to.bytes().starts_with(cut));
    if start.channel.mode == Mode::Dstar
        && let Some(to) = whole
    {
        start.parties.to = Some(borrowed(to));
        start.parties.kind = line.parties.kind;
    }
    start.via = start.via.or_else(|| line.via.as_ref().map(borrowed));
    start
}

/// Of what the log says in more words (why somebody was refused, the version of a host) its words.
pub(super) fn fuller<'a>(line: Line<'a>, twin: Option<&Line<'a>>) -> Line<'a> {
    twin.cloned().unwrap_or(line)
}

/// JSON's figures, which are exact; those of the line where JSON has none.
pub(super) fn figures(json: Figures, line: Option<Figures>) -> Figures {
    let line = line.unwrap_or_default();
    Figures {
        duration_ms: json.duration_ms.or(line.duration_ms),
        loss_percent: json.loss_percent.or(line.loss_percent),
        ber_percent: json.ber_percent.or(line.ber_percent),
        rssi_dbm: json.rssi_dbm.or(line.rssi_dbm),
    }
}

pub(super) fn fm_start(channel: Channel) -> Start<'static> {
    Start {
        channel,
        kind: CallKind::Voice,
        late: false,
        parties: Parties::default(),
        via: None,
        rest: Text::default(),
    }
}

pub(super) fn fm_end(channel: Channel) -> End<'static> {
    End {
        channel,
        ending: Ending::End,
        kind: None,
        parties: None,
        figures: Figures::default(),
        rest: Text::default(),
    }
}
