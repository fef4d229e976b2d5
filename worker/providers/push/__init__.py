"""Vendors of the push channel, one module each."""
