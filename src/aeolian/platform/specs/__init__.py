"""Pipeline specs: how they are written, read, checked, and what their globs, durations and schedules mean."""
