-- Version 1 of the journal.
--
-- `kind` names each (source, type) once; an entry then costs a small integer instead of two strings, and the index
-- by kind answers filters by source and by type alike. People and projections read the view `event`.

CREATE TABLE kind (
    id     INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    type   TEXT NOT NULL,
    UNIQUE (source, type)
) STRICT;

CREATE TABLE entry (
    seq   INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    kind  INTEGER NOT NULL REFERENCES kind (id),
    data  TEXT NOT NULL
) STRICT;

CREATE INDEX entry_by_kind ON entry (kind);
CREATE INDEX entry_by_time ON entry (at_ms);

CREATE VIEW event AS
SELECT entry.seq, entry.at_ms, kind.source, kind.type, entry.data
FROM entry JOIN kind ON kind.id = entry.kind;

-- Append-only, and dense by construction. The insert rule also stops INSERT OR REPLACE, which fires no delete trigger
-- unless the connection asks for recursive triggers.
CREATE TRIGGER entry_is_next BEFORE INSERT ON entry
WHEN NEW.seq <> (SELECT ifnull(max(seq), 0) + 1 FROM entry)
BEGIN SELECT RAISE(ABORT, 'the journal is dense: an entry follows the newest one'); END;

CREATE TRIGGER entry_stays BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry is never changed'); END;

-- Retention, when it comes, is a migration that replaces this rule by one with a floor: entries below it may go, and
-- the floor may only rise and stays below the newest entry, so that `max(seq)` keeps naming the head.
CREATE TRIGGER entry_is_kept BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry is never deleted'); END;

CREATE TRIGGER kind_stays BEFORE UPDATE ON kind
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: a kind is never renamed'); END;

-- Where each producer is. `first_seq` and `last_seq` answer a retry of the append that made this version;
-- an append without events has first_seq > last_seq.
CREATE TABLE checkpoint (
    producer  TEXT PRIMARY KEY,
    version   INTEGER NOT NULL CHECK (version > 0),
    writer    INTEGER NOT NULL,
    data      TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How far each projection's tables have come; written in the transaction that fills them.
CREATE TABLE projection (
    name        TEXT PRIMARY KEY,
    applied_seq INTEGER NOT NULL DEFAULT 0 CHECK (applied_seq >= 0)
) STRICT, WITHOUT ROWID;
