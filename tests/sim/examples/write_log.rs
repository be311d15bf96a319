//! Writes a finished log of the simulated host to standard output: `write_log LINES [SEED]`.

use std::error::Error;
use std::io::{self, Write};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let lines = arguments.next().ok_or("write_log LINES [SEED]")?.parse()?;
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
    io::stdout().lock().write_all(&stationd_sim::mmdvm::log(lines, seed))?;
    Ok(())
}
