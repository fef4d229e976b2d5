"""Vendors of the SMS channel, one module each."""
