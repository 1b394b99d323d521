"""Chains with a name; the name is a word of the language."""

PRESETS = {
    # Audio effects as a service: a compressor, the dry sound beside its echo a fifth higher, a reverb.
    "novice-dj": "compress | mix(gain 1, delay 0.25 1 | pitch 7 | gain -3) | reverb",
    # For music from a soundfont: a room around it, and as loud as streaming services play.
    "concert-hall": "tail 3 | highpass 30 2 | reverb room=0.7 wet=0.2 dry=0.5 | loudness -16",
}
