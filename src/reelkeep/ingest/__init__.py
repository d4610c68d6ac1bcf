"""Takes originals into the company's bucket: planned, signed, verified and recorded here, sent by the client itself."""
