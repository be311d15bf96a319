//! The first opening in the life of a service: the file is checked before it is believed.
//!
//! ```text
//! foreign, newer ──▶ refused, untouched
//! sound          ──▶ migrated, projections filled
//! damaged        ──▶ new journal made beside it, counting on; its first event says so ──▶ set aside, new one in its place
//! ```

use std::time::{Duration, Instant};

use model::{Seq, Timestamp};
use rusqlite::config::DbConfig;

use super::{Lease, Projections, Store, connection, integrity, schema, set_aside};
use crate::notes::Note;
use crate::{IntegrityCheck, JournalConfig, JournalError, Opened, SetAside};

/// How long the pages are checked after an orderly end: enough for a young journal, not felt at any start.
const CHECK_AFTER_CLEAN_END: Duration = Duration::from_millis(100);
/// How long they are checked after a kill or a power cut. Half a gigabyte takes a second from a solid-state disk and
/// fifteen from a slow card; systemd waits for ninety.
const CHECK_AFTER_UNCLEAN_END: Duration = Duration::from_secs(20);

/// Opens the file, checks it, and brings it up to date. The writer opens it again for itself.
pub(crate) fn start(config: &JournalConfig, home: &Projections) -> Result<Opened, JournalError> {
    set_aside::finish_exchange(&config.path)?;
    let after_unclean_end = integrity::ended_unclean(&config.path);
    let limit = if after_unclean_end || integrity::is_suspect(&config.path) {
        CHECK_AFTER_UNCLEAN_END
    } else {
        CHECK_AFTER_CLEAN_END
    };
    let begun = Instant::now();
    let (store, check, aside) = match open(config, home, limit, None) {
        Err(damage) if damage.is_damage() => open_anew(config, home, &damage)?,
        opened => opened.map(|(store, check)| (store, check, None))?,
    };
    integrity::acquit(&config.path);
    let opened = Opened {
        head: store.head()?,
        floor: store.floor()?,
        after_unclean_end,
        check,
        check_took: begun.elapsed(),
        set_aside: aside,
    };
    tracing::info!(head = opened.head.0, floor = opened.floor.0, after_unclean_end, ?check, took = ?opened.check_took, "journal opened");
    Ok(opened)
}

fn open(
    config: &JournalConfig,
    home: &Projections,
    limit: Duration,
    first: Option<Seq>,
) -> Result<(Store, IntegrityCheck), JournalError> {
    let lease = Lease::take(home)?;
    let connection = connection::open_writer(config)?;
    // Until the file is found sound, closing it must not work on it.
    let hands_off = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(hands_off, true)?;
    schema::refuse_newer_file(&connection, &lease.projections)?;
    let check = integrity::check_pages(&connection, limit)?;
    let store = Store::over(config, lease, connection, first)?;
    store.connection.set_db_config(hands_off, false)?;
    Ok((store, check))
}

fn open_anew(
    config: &JournalConfig,
    home: &Projections,
    damage: &JournalError,
) -> Result<(Store, IntegrityCheck, Option<SetAside>), JournalError> {
    let aside = set_aside::describe(&config.path, damage, Timestamp::now());
    begin(config, home, &aside)?;
    set_aside::exchange(&config.path, &aside)?;
    let (store, check) = open(config, home, CHECK_AFTER_CLEAN_END, None)?;
    Ok((store, check, Some(aside)))
}

/// Makes the new journal beside the damaged one.
fn begin(config: &JournalConfig, home: &Projections, aside: &SetAside) -> Result<(), JournalError> {
    let beside = JournalConfig {
        path: set_aside::replacement(&config.path)?,
        ..config.clone()
    };
    let first = aside.readable_to.unwrap_or(Seq::ZERO).next();
    let (mut store, _) = open(&beside, home, CHECK_AFTER_CLEAN_END, Some(first))?;
    for answer in store.commit(vec![Note::SetAside(aside).append()?])? {
        if let Err(error) = answer {
            tracing::error!(%error, "setting the damaged journal aside could not be noted");
        }
    }
    Ok(store.settle()?)
}
