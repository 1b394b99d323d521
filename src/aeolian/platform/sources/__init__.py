"""What a put means: files, folders, archives, URLs and standard input, and where in a repo each of them goes."""
