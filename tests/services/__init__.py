"""Real services for tests: a PostgreSQL server and a SeaweedFS store, each started once a run, on loopback."""
