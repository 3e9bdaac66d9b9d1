"""Smoothing and key reduction."""
