"""The web edge: the app process with pages and API, and the media process with manifests, segments and licences."""
