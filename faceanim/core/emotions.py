"""The emotions that a voice, a face or an animator may name, in the order of every table of them."""

LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
"""Those of RAVDESS (Livingstone, Russo 2018); other corpora lack some."""
