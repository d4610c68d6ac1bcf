"""Transcode: one original becomes one proxy; the carrier holds the secrets, the codec parses the media."""
