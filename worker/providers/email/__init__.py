"""Vendors of the email channel, one module each."""
