"""Jobs: which datums there are, which of them have to run, and what comes of them."""
