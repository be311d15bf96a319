-- A journal as version 1 of the schema made it: dump of a file written by the first release, with three events and a
-- checkpoint. Never edited; a later version adds a file of its own beside it.
PRAGMA application_id = 1937010276;
CREATE TABLE migration (
    owner         TEXT NOT NULL,
    number        INTEGER NOT NULL,
    fingerprint   INTEGER NOT NULL,
    applied_at_ms INTEGER NOT NULL,
    PRIMARY KEY (owner, number)
) STRICT, WITHOUT ROWID;
INSERT INTO migration VALUES ('journal', 1, 6891256917952569068, 1763706000000);
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
CREATE TRIGGER entry_is_next BEFORE INSERT ON entry
WHEN NEW.seq <> (SELECT ifnull(max(seq), 0) + 1 FROM entry)
BEGIN SELECT RAISE(ABORT, 'the journal is dense: an entry follows the newest one'); END;
CREATE TRIGGER entry_stays BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry is never changed'); END;
CREATE TRIGGER entry_is_kept BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry is never deleted'); END;
CREATE TRIGGER kind_stays BEFORE UPDATE ON kind
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: a kind is never renamed'); END;
CREATE TABLE checkpoint (
    producer  TEXT PRIMARY KEY,
    version   INTEGER NOT NULL CHECK (version > 0),
    writer    INTEGER NOT NULL,
    data      TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE projection (
    name        TEXT PRIMARY KEY,
    applied_seq INTEGER NOT NULL DEFAULT 0 CHECK (applied_seq >= 0)
) STRICT, WITHOUT ROWID;
INSERT INTO kind VALUES (1, 'repeater', 'qso_started'), (2, 'repeater', 'qso_ended'), (3, 'power.inverter_1', 'alarm_raised');
INSERT INTO entry VALUES (1, 1763706000000, 1, '{"mode":"dmr","slot":2}');
INSERT INTO entry VALUES (2, 1763706004200, 2, '{"mode":"dmr","slot":2,"duration_s":4.2}');
INSERT INTO entry VALUES (3, 1763706010000, 3, '{"alarm":"battery_low"}');
INSERT INTO checkpoint VALUES ('repeater', 2, -1, '{"offset":4711}', 2, 2);
