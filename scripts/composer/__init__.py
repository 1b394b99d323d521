"""The composer of the samples: harmony, melody, seven textures, a felt piano, a room, and the MP3 encoder.

Everything follows from each piece's seed, so `samples/` can be made anew, note for note. Nothing in it is anyone
else's: neither the music, nor the sound. Licence: CC0 for what it composes, Apache-2.0 for the code.
"""
