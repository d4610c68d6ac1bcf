"""The program inside the sandbox: reads an original over its channel and makes encoded samples, stills and peaks."""
