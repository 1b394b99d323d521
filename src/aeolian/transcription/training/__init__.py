"""Teaching an Onsets and Frames model: from recordings with their notes, or from notes alone, played."""
