"""Companies: the registry, their databases, and the link between the supervisor and their processes."""
