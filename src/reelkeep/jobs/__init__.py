"""Jobs: rows of the company's own database, leased to one job process at a time."""
