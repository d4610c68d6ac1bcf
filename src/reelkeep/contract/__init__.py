"""The bucket contract: what a company's account must look like for Reelkeep, as one table with many faces. Pure."""
