"""A Track on channels becomes a Track on a character's controls."""
