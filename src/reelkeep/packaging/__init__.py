"""From encoded samples to what lies in the bucket: CMAF, cbcs, sealed bundles and their index."""
