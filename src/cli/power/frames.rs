//! `stationd power decode` and `encode`: one JSON object a line in, one a line out, whatever is wrong with a line.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

use power::{Gap, Library, Quality, Reading, Value};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

/// Longest line that is read, in bytes: a hundred times the longest frame.
const MAX_LINE: u64 = 64 * 1024;

#[derive(Deserialize)]
struct Recorded {
    protocol: String,
    command: String,
    response_hex: String,
}

#[derive(Deserialize)]
struct Asked {
    protocol: String,
    #[serde(alias = "command")]
    code: String,
}

#[derive(Serialize)]
struct Refused {
    ok: bool,
    error: String,
}

#[derive(Serialize)]
struct Encoded {
    ok: bool,
    request_hex: String,
}

#[derive(Serialize)]
struct Decoded<'a> {
    ok: bool,
    fields: Fields<'a>,
}

/// Readings as one object, in the order of the wire.
struct Fields<'a>(Vec<Reading<'a>>);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for reading in &self.0 {
            map.serialize_entry(&*reading.name, &Field(reading))?;
        }
        map.end()
    }
}

struct Field<'a>(&'a Reading<'a>);

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Field(reading) = self;
        let mut map = serializer.serialize_map(None)?;
        match &reading.value {
            Value::Int(value) => map.serialize_entry("value", value)?,
            Value::Number(value) => map.serialize_entry("value", value)?,
            Value::Text(value) => map.serialize_entry("value", value)?,
            Value::Missing(_) => map.serialize_entry("value", &())?,
        }
        map.serialize_entry("unit", reading.unit)?;
        if let Some(reason) = doubt(reading) {
            map.serialize_entry("reason", reason)?;
        }
        map.end()
    }
}

/// Why a value is not as good as the others.
fn doubt(reading: &Reading<'_>) -> Option<&'static str> {
    match (&reading.value, reading.quality) {
        (Value::Missing(gap), _) => Some(Gap::as_str(*gap)),
        (_, Quality::Unlisted) => Some("a code that the protocol has no words for"),
        (_, Quality::Undescribed) => Some("behind the fields that the protocol describes"),
        (_, Quality::Good | Quality::Missing) => None,
    }
}

/// Answers each line of standard input with a line on standard output.
pub(super) fn each_line(mut answer: impl FnMut(&str) -> Result<String, String>) -> anyhow::Result<()> {
    let mut input = BufReader::new(io::stdin().lock());
    let mut output = BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(output.flush()?);
        }
        let whole = line.ends_with(b"\n") || u64::try_from(read).is_ok_and(|read| read < MAX_LINE);
        let answered = match std::str::from_utf8(&line).map(str::trim) {
            Ok("") if whole => continue,
            Ok(text) if whole => answer(text),
            Ok(_) | Err(_) if whole => Err("not UTF-8".to_owned()),
            Ok(_) | Err(_) => {
                skip_line(&mut input)?;
                Err(format!("a line of more than {MAX_LINE} bytes"))
            }
        };
        let text = answered.or_else(|error| json(&Refused { ok: false, error }));
        writeln!(output, "{}", text.map_err(anyhow::Error::msg)?)?;
        // Whoever asks line by line gets its answer before it asks again.
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let consumed = end.map_or(buffer.len(), |end| end.saturating_add(1));
        let done = end.is_some() || buffer.is_empty();
        input.consume(consumed);
        if done {
            return Ok(());
        }
    }
}

pub(super) fn decode(library: &mut Library, line: &str) -> Result<String, String> {
    let recorded: Recorded = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let protocol = library.get(&recorded.protocol).map_err(|error| error.to_string())?;
    let request = protocol.request(&recorded.command).map_err(|error| error.to_string())?;
    let frame = bytes(&recorded.response_hex)?;
    let fields = Fields(request.decode(&frame).map_err(|error| error.to_string())?);
    json(&Decoded { ok: true, fields })
}

pub(super) fn encode(library: &mut Library, line: &str) -> Result<String, String> {
    let asked: Asked = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let protocol = library.get(&asked.protocol).map_err(|error| error.to_string())?;
    let request = protocol.request(&asked.code).map_err(|error| error.to_string())?;
    if request.is_heard_only() {
        return Err(format!(
            "{} is not asked for: the device sends it by itself",
            request.code()
        ));
    }
    json(&Encoded {
        ok: true,
        request_hex: hex(request.bytes()),
    })
}

fn json(answer: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(answer).map_err(|error| error.to_string())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _written = write!(text, "{byte:02x}").is_ok();
        text
    })
}

/// Bytes from hexadecimal digits; spaces between them are left out.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.ok_or("response_hex holds something else than hexadecimal digits")?;
    let (pairs, odd) = digits.as_chunks::<2>();
    if odd.is_empty() {
        return Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect());
    }
    Err("response_hex has an odd number of digits".to_owned())
}
