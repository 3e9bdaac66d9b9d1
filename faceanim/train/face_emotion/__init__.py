"""The face-emotion network: pictures of known expressions, training, scores, export."""
