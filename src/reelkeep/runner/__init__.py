"""Runner: answers doorbells by asking for a fresh job process, and is the entry of that process."""
