"""Reelkeep: film review and streaming in which the studio keeps the reels."""

__version__ = "0.1.0"
