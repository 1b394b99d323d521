"""The only code that knows file formats: MIDI, WAV and whatever ffmpeg decodes, TFRecord."""
