"""Notes, events and their vocabulary: pure, NumPy only."""
