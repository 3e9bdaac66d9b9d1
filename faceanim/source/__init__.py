"""Media files to arrays: sound and picture on one clock, read in a stream."""
