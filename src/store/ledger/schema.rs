//! What stands in the file.

/// Says that a file is one of ours: "wtkl".
pub(super) const APPLICATION_ID: i32 = 0x7774_6B6C;

/// Grows when an older version of this package could not read the file.
pub(super) const VERSION: i32 = 2;

/// `STRICT`: a sum too large for an integer fails instead of becoming a float.
pub(super) const SCHEMA: &str = "
    CREATE TABLE name (
        id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, name TEXT NOT NULL, detail TEXT NOT NULL,
        UNIQUE (kind, name, detail)
    ) STRICT;
    CREATE TABLE record (
        seq INTEGER PRIMARY KEY, id_hash INTEGER NOT NULL, id TEXT NOT NULL, at_ms INTEGER NOT NULL,
        orchestrator INTEGER NOT NULL, session INTEGER NOT NULL, model INTEGER NOT NULL, tool INTEGER NOT NULL,
        input INTEGER NOT NULL, output INTEGER NOT NULL, total INTEGER NOT NULL,
        input_high INTEGER NOT NULL, input_low INTEGER NOT NULL, output_high INTEGER NOT NULL,
        output_low INTEGER NOT NULL, currency INTEGER NOT NULL, priced INTEGER NOT NULL, extra TEXT NOT NULL
    ) STRICT;
    CREATE INDEX record_at ON record (at_ms);
    CREATE INDEX record_orchestrator ON record (orchestrator, at_ms);
    CREATE INDEX record_session ON record (session, at_ms);
    CREATE TABLE rollup (
        kind INTEGER NOT NULL, span INTEGER NOT NULL, start INTEGER NOT NULL, orchestrator INTEGER NOT NULL,
        subject INTEGER NOT NULL, currency INTEGER NOT NULL,
        records INTEGER NOT NULL, input INTEGER NOT NULL, output INTEGER NOT NULL, total INTEGER NOT NULL,
        input_high INTEGER NOT NULL, input_low INTEGER NOT NULL, output_high INTEGER NOT NULL,
        output_low INTEGER NOT NULL, unpriced INTEGER NOT NULL,
        peak INTEGER NOT NULL, peak_at INTEGER NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
        PRIMARY KEY (kind, span, start, orchestrator, subject, currency)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE record_id (
        id_hash INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (id_hash, seq)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE progress (
        id INTEGER PRIMARY KEY CHECK (id = 1), last_seq INTEGER NOT NULL, indexed_seq INTEGER NOT NULL
    ) STRICT;
    INSERT INTO progress (id, last_seq, indexed_seq) VALUES (1, 0, 0);";

/// What version 1 lacks: it had the index of ids as one of the table itself.
pub(super) const FROM_VERSION_1: &str = "
    DROP INDEX record_id;
    CREATE TABLE record_id (
        id_hash INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (id_hash, seq)
    ) WITHOUT ROWID, STRICT;
    INSERT INTO record_id (id_hash, seq) SELECT id_hash, seq FROM record ORDER BY id_hash, seq;
    CREATE TABLE progress (
        id INTEGER PRIMARY KEY CHECK (id = 1), last_seq INTEGER NOT NULL, indexed_seq INTEGER NOT NULL
    ) STRICT;
    INSERT INTO progress (id, last_seq, indexed_seq)
        SELECT 1, coalesce(max(seq), 0), coalesce(max(seq), 0) FROM record;
    PRAGMA user_version = 2;";
