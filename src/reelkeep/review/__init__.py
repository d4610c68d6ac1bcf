"""Review: what people say about versions. Writes only to the company's database."""
