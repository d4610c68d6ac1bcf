"""Looks after what lies in companies' buckets: reads everything, changes nothing."""
