"""Accepts connections, reads the host name, hands the socket over. Holds no secret and proxies no byte."""
