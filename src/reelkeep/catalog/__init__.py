"""The company's shared records: people, productions, assets, versions, grants, audit, and the notices of change."""
