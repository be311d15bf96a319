-- Version 2 of the journal: retention.
--
-- Entries leave at the low end only, and only after the floor has been raised above them in the same transaction:
-- `floor_seq` is the lowest position that is kept, so that a journal without entries still knows its head
-- (`floor_seq - 1`) and never numbers an event twice. `told_seq` is the floor as the last `journal_trimmed` event told it.

CREATE TABLE retention (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    floor_seq INTEGER NOT NULL CHECK (floor_seq >= 1),
    told_seq  INTEGER NOT NULL CHECK (told_seq >= 1)
) STRICT;
INSERT INTO retention VALUES (1, 1, 1);

CREATE TRIGGER retention_is_one BEFORE INSERT ON retention
BEGIN SELECT RAISE(ABORT, 'the journal has one floor'); END;

CREATE TRIGGER retention_is_kept BEFORE DELETE ON retention
BEGIN SELECT RAISE(ABORT, 'the journal keeps its floor'); END;

CREATE TRIGGER retention_rises BEFORE UPDATE OF floor_seq ON retention
WHEN NEW.floor_seq < OLD.floor_seq OR NEW.floor_seq > (SELECT max(seq) + 1 FROM entry)
BEGIN SELECT RAISE(ABORT, 'the floor only rises, and never beyond the newest entry'); END;

CREATE TRIGGER retention_waits BEFORE UPDATE OF floor_seq ON retention
WHEN EXISTS (SELECT 1 FROM projection WHERE applied_seq < NEW.floor_seq - 1)
BEGIN SELECT RAISE(ABORT, 'the floor stays below what a projection has yet to see'); END;

DROP TRIGGER entry_is_next;
CREATE TRIGGER entry_is_next BEFORE INSERT ON entry
WHEN NEW.seq <> ifnull((SELECT max(seq) FROM entry), (SELECT floor_seq - 1 FROM retention)) + 1
BEGIN SELECT RAISE(ABORT, 'the journal is dense: an entry follows the newest one'); END;

DROP TRIGGER entry_is_kept;
CREATE TRIGGER entry_is_kept BEFORE DELETE ON entry
WHEN OLD.seq >= (SELECT floor_seq FROM retention)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry above the floor is never deleted'); END;

-- Room for the writer to try whether a failing disk takes bytes again; always empty otherwise.
CREATE TABLE probe (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    room BLOB NOT NULL
) STRICT;
