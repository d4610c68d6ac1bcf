"""A company's object store: the port, its S3 adapters, STS sessions, session policies and grants."""
