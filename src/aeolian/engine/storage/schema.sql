-- The state of one `.aeolian/` folder. A time is in seconds since 1970; a hash is SHA-256 in hexadecimal.

CREATE TABLE repo (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL
) STRICT;

CREATE TABLE branch (
    id INTEGER PRIMARY KEY,
    repo_id INTEGER NOT NULL REFERENCES repo ON DELETE CASCADE,
    name TEXT NOT NULL,
    UNIQUE (repo_id, name)
) STRICT;

-- One row for everything that one change causes: the commit itself and every job and commit downstream share `id`.
CREATE TABLE commit_set (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created REAL NOT NULL
) STRICT;

-- A commit (a word that SQL keeps for itself). state: open, finished, failed (the output of a job that did not go
-- well: what it holds is read as any other's, and no job goes on from it).
CREATE TABLE revision (
    branch_id INTEGER NOT NULL REFERENCES branch ON DELETE CASCADE,
    seq INTEGER NOT NULL REFERENCES commit_set,
    state TEXT NOT NULL,
    origin TEXT NOT NULL,
    tree TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL,
    finished REAL,
    PRIMARY KEY (branch_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX revision_of_set ON revision (seq);
CREATE INDEX revision_open ON revision (branch_id) WHERE state = 'open';

-- A commit as it is named: by its repo, its branch and the id of its set.
CREATE VIEW named_commit AS
    SELECT p.id AS repo_id, p.name AS repo, r.branch_id, b.name AS branch, r.seq, s.id, r.state, r.origin, r.tree,
        r.description, r.created, r.finished
    FROM revision r JOIN branch b ON b.id = r.branch_id JOIN repo p ON p.id = b.repo_id
    JOIN commit_set s ON s.seq = r.seq;

CREATE TABLE original_name (
    repo_id INTEGER NOT NULL REFERENCES repo ON DELETE CASCADE,
    path TEXT NOT NULL,
    original TEXT NOT NULL,
    PRIMARY KEY (repo_id, path)
) STRICT, WITHOUT ROWID;

-- The numbers of pipelines, jobs and runs are never used again: who remembers one of what was deleted finds nothing.
CREATE TABLE pipeline (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    stopped INTEGER NOT NULL DEFAULT 0 -- 1 from `stop pipeline` to `start pipeline`: nothing triggers it
) STRICT;

CREATE TABLE pipeline_version (
    pipeline_id INTEGER NOT NULL REFERENCES pipeline ON DELETE CASCADE,
    version INTEGER NOT NULL,
    spec TEXT NOT NULL,      -- JSON, snake_case, as written but for `arguments`
    source TEXT,             -- the folder that is /src
    arguments TEXT NOT NULL, -- JSON: [[flag, value], ...], already in the spec's cmd
    spec_commit TEXT NOT NULL,
    created REAL NOT NULL,
    code TEXT NOT NULL DEFAULT '[]', -- JSON: further files and folders whose content counts
    secrets TEXT NOT NULL DEFAULT '[]', -- JSON: [[name, key, where it is read], ...]
    PRIMARY KEY (pipeline_id, version)
) STRICT, WITHOUT ROWID;

-- state: created, running, success, failure, unrunnable, killed.
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    seq INTEGER NOT NULL REFERENCES commit_set,
    pipeline_id INTEGER NOT NULL REFERENCES pipeline ON DELETE CASCADE,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    code TEXT NOT NULL DEFAULT '',   -- hash of the program that ran
    reads TEXT NOT NULL DEFAULT '',  -- JSON: [[repo, branch, tree], ...], what it read
    datums TEXT NOT NULL DEFAULT '', -- tree: datum id -> (datum hash, row of `datum`)
    total INTEGER NOT NULL DEFAULT 0,
    processed INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    recovered INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    started REAL,
    finished REAL,
    UNIQUE (seq, pipeline_id)
) STRICT;
CREATE INDEX job_outstanding ON job (seq) WHERE state IN ('created', 'running');
CREATE INDEX job_of_pipeline ON job (pipeline_id, seq);

-- One run of one datum. state: success, failed, recovered.
CREATE TABLE datum (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pipeline_id INTEGER NOT NULL REFERENCES pipeline ON DELETE CASCADE,
    job_id INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
    datum TEXT NOT NULL,
    hash TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    exit_code INTEGER,
    tries INTEGER NOT NULL,
    inputs TEXT NOT NULL,  -- JSON: what it read
    outputs TEXT NOT NULL, -- entries of a tree: what it wrote
    started REAL NOT NULL,
    seconds TEXT NOT NULL  -- JSON: {"download": s, "process": s, "upload": s}
) STRICT;
CREATE INDEX datum_processed ON datum (pipeline_id, hash) WHERE state = 'success';
CREATE INDEX datum_of_job ON datum (job_id);

-- Trees of files: see trees.py. With row ids, so that a node is written behind the last and not amid all others.
CREATE TABLE node (
    hash TEXT NOT NULL PRIMARY KEY,
    data TEXT NOT NULL
) STRICT;

-- Contents too small to be worth a file of their own: see objects.py.
CREATE TABLE small_object (
    hash TEXT NOT NULL PRIMARY KEY,
    data BLOB NOT NULL
) STRICT;

-- Hashes of files outside the store (programs, and what was put), kept so that an unchanged one costs a stat.
CREATE TABLE code_file (
    path TEXT PRIMARY KEY,
    stamp TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;
