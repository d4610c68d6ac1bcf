"""The acceptance test of a storage connection: independent checks, a report, and what onboarding makes of it."""
