"""The emotions that are told apart."""

from __future__ import annotations

LABELS: tuple[str, ...] = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
"""Channels of every Track of emotion probabilities, in this order, and labels of moods."""
