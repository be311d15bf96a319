//! `stationd power list-protocols` and `list-commands`.

use std::io::{self, BufWriter, Write};

use power::{CommandKind, Library};

pub(super) fn protocols(library: &mut Library) -> anyhow::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    let names: Vec<String> = library.names().into_iter().map(str::to_owned).collect();
    for name in names {
        // What is wrong with the others was told when they were read.
        let Ok(protocol) = library.get(&name) else { continue };
        let (id, commands) = (protocol.id(), protocol.commands().len());
        writeln!(output, "{name:12}  {id:12}  {commands:3} commands")?;
    }
    Ok(output.flush()?)
}

pub(super) fn commands(library: &mut Library, protocol: &str) -> anyhow::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    let protocol = library.get(protocol)?;
    for command in protocol.commands() {
        let kind = match command.kind() {
            CommandKind::Status => "status",
            CommandKind::Query => "query",
            CommandKind::Setting => "setting",
            CommandKind::Listen => "heard",
        };
        write!(output, "{:24}  {kind:8}  {}", command.code(), command.label())?;
        match command.pattern() {
            Some(pattern) => writeln!(output, "  {pattern}")?,
            None => writeln!(output)?,
        }
    }
    Ok(output.flush()?)
}
