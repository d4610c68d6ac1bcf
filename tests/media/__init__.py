"""Test clips, made from real footage with fixed seeds."""
