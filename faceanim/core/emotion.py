"""The emotions that are told apart."""

from __future__ import annotations

LABELS: tuple[str, ...] = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
"""Channels of every Track of emotion probabilities, in this order, and labels of moods."""
FACE_LABELS: tuple[str, ...] = tuple(label for label in LABELS if label != "calm")
"""What a face alone is asked for: those who label pictures of faces name no calm ones."""
