"""Delivery: handing media out, straight from the company's bucket."""
