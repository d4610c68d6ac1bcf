"""Playback: sessions, the manifest, licences, and segments unsealed into memory for at most six hours."""
