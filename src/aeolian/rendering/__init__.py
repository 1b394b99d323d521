"""Notes made audible and visible: a soundfont's voice, a piano roll, the curve of a training run."""
