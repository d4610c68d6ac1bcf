"""Barriers between processes: the codec's sandbox, process hygiene, and the channel across a barrier."""
