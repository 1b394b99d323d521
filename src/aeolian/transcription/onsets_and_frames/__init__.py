"""Onsets and Frames: piano notes, by the model of Hawthorne et al. (2018, 2019)."""
