//! `stationd power set`: changes a setting over a port that no station has. Who has a station asks its gate.

use std::io::{self, Write};

use anyhow::bail;
use power::settings::Answers;
use power::{AskError, Direct, Library, Protocol};

use super::output::words;
use super::query::Line;

pub(super) fn set(
    library: &mut Library,
    line: &Line,
    setting: &str,
    value: Option<&str>,
    is_sure: bool,
) -> anyhow::Result<()> {
    let (protocol, direct) = line.open(library)?;
    let chosen = protocol.choose(setting)?;
    super::run(async {
        let questions = chosen.questions();
        let before = answers(&direct, &protocol, &questions)
            .await
            .map_err(|error| line.explained(error))?;
        let change = chosen.change(value, &before)?;
        let would = change.words("the device");
        if !is_sure {
            bail!("would {would}: nothing is changed without --yes");
        }
        let sent = direct.ask(&protocol, change.code()).await;
        if let Err(error @ (AskError::Away(_) | AskError::Unknown(_) | AskError::Refused(_))) = sent {
            return Err(line.explained(error));
        }
        let after = answers(&direct, &protocol, &questions).await.unwrap_or_default();
        let now = change
            .shown(&after)
            .map(|now| format!(", is now {}", words(&now)))
            .unwrap_or_default();
        let end = match (sent.is_ok(), change.has_come_about(&after)) {
            (_, Some(true)) => "done",
            (true, None) => "acknowledged; the device does not say how it is set",
            (true, Some(false)) => "acknowledged, but the device does not show it",
            (false, Some(false)) => bail!("no answer to {}, and no change{now}", change.code()),
            (false, None) => bail!("no answer to {}: it is not known whether it was done", change.code()),
        };
        Ok(writeln!(io::stdout().lock(), "{would}: {end}{now}")?)
    })
}

async fn answers(direct: &Direct, protocol: &Protocol, questions: &[&str]) -> Result<Answers, AskError> {
    let mut answers = Answers::new();
    for question in questions {
        answers.insert((*question).to_owned(), direct.ask(protocol, question).await?.said);
    }
    Ok(answers)
}
