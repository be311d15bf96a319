//! How fast the log is read: the grammar alone, and a replay with the state machine behind it.
//!
//! Three logs: as recorded at level 1 (debug, all modes); its call lines only, as at level 2; and every form there is.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use stationd_repeater::grammar::{Lines, Reader};
use stationd_repeater::replay::Replay;

const RECORDED: &str = include_str!("../testdata/MMDVM-2026-11-21.log");
const FORMS: [&str; 6] = [
    include_str!("../testdata/lines/dstar.txt"),
    include_str!("../testdata/lines/dmr.txt"),
    include_str!("../testdata/lines/ysf.txt"),
    include_str!("../testdata/lines/p25.txt"),
    include_str!("../testdata/lines/nxdn.txt"),
    include_str!("../testdata/lines/m17.txt"),
];
/// Lines a log has here.
const LINES: usize = 100_000;

fn repeated<'a>(lines: impl Iterator<Item = &'a str> + Clone) -> Vec<u8> {
    let lines = lines.cycle().take(LINES).flat_map(|line| [line.as_bytes(), b"\n"]);
    lines.flatten().copied().collect()
}

fn logs() -> [(&'static str, Vec<u8>); 3] {
    let calls = RECORDED.lines().filter(|line| line.starts_with("M: "));
    let texts = FORMS
        .iter()
        .flat_map(|file| file.lines())
        .filter(|line| !line.starts_with("    = "));
    let forms: Vec<String> = texts.map(|text| format!("M: 2026-11-21 06:48:16.195 {text}")).collect();
    [
        ("debug", repeated(RECORDED.lines())),
        ("calls", repeated(calls)),
        ("forms", repeated(forms.iter().map(String::as_str))),
    ]
}

fn lines_per_second(c: &mut Criterion) {
    let logs = logs();
    let mut group = c.benchmark_group("grammar");
    group.throughput(Throughput::Elements(LINES as u64));
    for (name, log) in &logs {
        group.bench_with_input(BenchmarkId::from_parameter(name), log, |b, log| b.iter(|| read(log)));
    }
    group.finish();
    let mut group = c.benchmark_group("replay");
    group.throughput(Throughput::Elements(LINES as u64)).sample_size(20);
    for (name, log) in &logs {
        group.bench_with_input(BenchmarkId::from_parameter(name), log, |b, log| b.iter(|| replay(log)));
    }
    group.finish();
}

fn read(log: &[u8]) -> usize {
    let mut reader = Reader::default();
    let mut matter = 0;
    Lines::default().push(log, |line| {
        reader.read(line, |record| matter += usize::from(record.line.matters()))
    });
    matter
}

/// With every document written as JSON, as `stationd replay` does.
fn replay(log: &[u8]) -> usize {
    let mut replay = Replay::default();
    let mut text = Vec::new();
    let mut bytes = 0;
    let mut sink = |document| {
        text.clear();
        bytes += serde_json::to_writer(&mut text, &document).map_or(0, |()| text.len());
    };
    for chunk in log.chunks(64 * 1024) {
        replay.push(chunk, &mut sink);
    }
    replay.finish(&mut sink);
    bytes
}

criterion_group!(benches, lines_per_second);
criterion_main!(benches);
