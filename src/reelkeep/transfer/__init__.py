"""The client's side: sends files straight to the bucket and fetches them again, resumable and verified."""
