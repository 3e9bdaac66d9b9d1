"""The speech-emotion network: recorded emotions to frames, folds by speaker, training, scores, export."""
