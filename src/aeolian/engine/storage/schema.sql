-- The state of one `.aeolian/` folder. A time is in seconds since 1970; a hash is SHA-256 in hexadecimal.

CREATE TABLE project (
    name TEXT NOT NULL PRIMARY KEY,
    description TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL
) STRICT, WITHOUT ROWID;

-- A repo of the project `default` has a plain name, one of another project `project/name`.
CREATE TABLE repo (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL
) STRICT;

-- A branch. Its name is NULL when it was deleted: its commits are still there under their ids.
CREATE TABLE branch (
    id INTEGER PRIMARY KEY,
    repo_id INTEGER NOT NULL REFERENCES repo ON DELETE CASCADE,
    name TEXT,
    created REAL NOT NULL DEFAULT 0,
    fires TEXT NOT NULL DEFAULT '', -- JSON: when its head moves to that of another branch, see branch_triggers.py
    UNIQUE (repo_id, name)
) STRICT;

-- The branches that a user said a branch is made from. Those of a pipeline's output branch are in its spec.
CREATE TABLE provenance (
    branch_id INTEGER NOT NULL REFERENCES branch ON DELETE CASCADE,
    upstream_id INTEGER NOT NULL REFERENCES branch ON DELETE CASCADE,
    PRIMARY KEY (branch_id, upstream_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX provenance_upstream ON provenance (upstream_id);

-- One row for everything that one change causes: the commit itself and every job and commit downstream share `id`.
CREATE TABLE commit_set (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created REAL NOT NULL
) STRICT;

-- A commit (a word that SQL keeps for itself). state: open, finished, failed (the output of a job that did not go
-- well: what it holds is read as any other's, and no job goes on from it). A row with a `target` is no commit: it says
-- that from this set on the branch's head is that commit, made on another branch or earlier on this one.
CREATE TABLE revision (
    row INTEGER PRIMARY KEY,
    branch_id INTEGER NOT NULL REFERENCES branch ON DELETE CASCADE,
    seq INTEGER NOT NULL REFERENCES commit_set,
    state TEXT NOT NULL,
    origin TEXT NOT NULL,
    tree TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL,
    finished REAL,
    parent INTEGER REFERENCES revision ON DELETE SET NULL,
    target INTEGER REFERENCES revision ON DELETE CASCADE,
    UNIQUE (branch_id, seq)
) STRICT;
CREATE INDEX revision_of_set ON revision (seq);
CREATE INDEX revision_open ON revision (branch_id) WHERE state = 'open';
CREATE INDEX revision_parent ON revision (parent);
CREATE INDEX revision_target ON revision (target) WHERE target IS NOT NULL;

-- What is made from a commit that goes, or names it as a head, goes on from its parent.
CREATE TRIGGER revision_gone BEFORE DELETE ON revision BEGIN
    UPDATE revision SET parent = OLD.parent WHERE parent = OLD.row;
    DELETE FROM revision WHERE target = OLD.row AND OLD.parent IS NULL;
    UPDATE revision SET target = OLD.parent WHERE target = OLD.row;
END;

-- The commits that a commit of a branch with `provenance` goes with.
CREATE TABLE made_from (
    revision INTEGER NOT NULL REFERENCES revision ON DELETE CASCADE,
    upstream INTEGER NOT NULL REFERENCES revision ON DELETE CASCADE,
    PRIMARY KEY (revision, upstream)
) STRICT, WITHOUT ROWID;
CREATE INDEX made_from_upstream ON made_from (upstream);

-- A commit as it is named: by its repo, its branch (NULL if that was deleted) and the id of its set.
CREATE VIEW named_commit AS
    SELECT p.id AS repo_id, p.name AS repo, r.branch_id, b.name AS branch, r.seq, s.id, r.state,
        r.origin, r.tree, r.description, r.created, r.finished, r.row, r.parent
    FROM revision r JOIN branch b ON b.id = r.branch_id JOIN repo p ON p.id = b.repo_id
    JOIN commit_set s ON s.seq = r.seq
    WHERE r.target IS NULL;

-- What the head of a branch was from the set `seq` on: a commit of its own, or one that it was moved to.
CREATE VIEW branch_head AS
    SELECT p.id AS repo_id, p.name AS repo, r.branch_id, b.name AS branch, r.seq, s.id, c.state, c.origin, c.tree,
        c.description, c.created, c.finished, c.row, c.parent, c.seq AS commit_seq
    FROM revision r JOIN branch b ON b.id = r.branch_id JOIN repo p ON p.id = b.repo_id
    JOIN revision c ON c.row = coalesce(r.target, r.row) JOIN commit_set s ON s.seq = c.seq;

-- A transaction that is not finished: what it has gathered is not done yet.
CREATE TABLE planned (
    id TEXT NOT NULL PRIMARY KEY,
    started REAL NOT NULL,
    active INTEGER NOT NULL,
    requests TEXT NOT NULL -- JSON: [[name, arguments], ...]
) STRICT, WITHOUT ROWID;

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
    read_bytes INTEGER NOT NULL DEFAULT 0,    -- of its inputs
    written_bytes INTEGER NOT NULL DEFAULT 0, -- of its outputs
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
