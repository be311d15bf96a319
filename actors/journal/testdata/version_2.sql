-- A journal as version 2 of the schema made it: dump of a file of the second release, with a checkpoint, two events, and a
-- third that retention has removed. Never edited; a later version adds a file of its own beside it.
PRAGMA application_id = 1937010276;
CREATE TABLE migration (
    owner         TEXT NOT NULL,
    number        INTEGER NOT NULL,
    fingerprint   INTEGER NOT NULL,
    applied_at_ms INTEGER NOT NULL,
    PRIMARY KEY (owner, number)
) STRICT, WITHOUT ROWID;
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
CREATE TRIGGER entry_stays BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry is never changed'); END;
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
CREATE TABLE retention (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    floor_seq INTEGER NOT NULL CHECK (floor_seq >= 1),
    told_seq  INTEGER NOT NULL CHECK (told_seq >= 1)
) STRICT;
CREATE TRIGGER retention_is_kept BEFORE DELETE ON retention
BEGIN SELECT RAISE(ABORT, 'the journal keeps its floor'); END;
CREATE TRIGGER retention_rises BEFORE UPDATE OF floor_seq ON retention
WHEN NEW.floor_seq < OLD.floor_seq OR NEW.floor_seq > (SELECT max(seq) + 1 FROM entry)
BEGIN SELECT RAISE(ABORT, 'the floor only rises, and never beyond the newest entry'); END;
CREATE TRIGGER retention_waits BEFORE UPDATE OF floor_seq ON retention
WHEN EXISTS (SELECT 1 FROM projection WHERE applied_seq < NEW.floor_seq - 1)
BEGIN SELECT RAISE(ABORT, 'the floor stays below what a projection has yet to see'); END;
CREATE TRIGGER entry_is_next BEFORE INSERT ON entry
WHEN NEW.seq <> ifnull((SELECT max(seq) FROM entry), (SELECT floor_seq - 1 FROM retention)) + 1
BEGIN SELECT RAISE(ABORT, 'the journal is dense: an entry follows the newest one'); END;
CREATE TRIGGER entry_is_kept BEFORE DELETE ON entry
WHEN OLD.seq >= (SELECT floor_seq FROM retention)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry above the floor is never deleted'); END;
CREATE TABLE probe (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    room BLOB NOT NULL
) STRICT;
INSERT INTO migration VALUES ('journal', 1, 6891256917952569068, 1763706000000), ('journal', 2, -4126698500579342982, 1763706000001);
INSERT INTO retention VALUES (1, 1, 1);
CREATE TRIGGER retention_is_one BEFORE INSERT ON retention
BEGIN SELECT RAISE(ABORT, 'the journal has one floor'); END;
INSERT INTO kind VALUES (1, 'repeater', 'qso_started'), (2, 'repeater', 'qso_ended'), (3, 'power.inverter_1', 'alarm_raised');
INSERT INTO entry VALUES (1, 1763706000000, 1, '{"mode":"dmr","slot":2}');
INSERT INTO entry VALUES (2, 1763706004200, 2, '{"mode":"dmr","slot":2,"duration_s":4.2}');
INSERT INTO entry VALUES (3, 1763706010000, 3, '{"alarm":"battery_low"}');
INSERT INTO checkpoint VALUES ('repeater', 2, -1, '{"offset":4711}', 2, 2);
UPDATE retention SET floor_seq = 2;
DELETE FROM entry WHERE seq < 2;
