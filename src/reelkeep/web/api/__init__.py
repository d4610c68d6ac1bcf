"""The HTTP API of the app process, one module for each noun."""
