"""Where everything is kept: one SQLite database, contents by their hash, trees of files; whole after any kill."""
