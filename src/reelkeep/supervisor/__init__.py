"""The `reelkeep up` process: starts every other one, holds the platform's identity, listens to nobody outside."""
