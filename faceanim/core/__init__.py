"""The words of the design as values: numpy arrays in frozen dataclasses. No media files, no bpy, no torch."""
