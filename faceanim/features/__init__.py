"""What a network or solver looks at: of speech (mel, pitch, energy) and of the face (landmarks, crop)."""
