"""Measures Reelkeep against its targets, side by side with pinned baselines."""
