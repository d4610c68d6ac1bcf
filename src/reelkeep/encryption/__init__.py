"""Keys, what wraps them, and the seal around everything that lies in a proxy prefix."""
