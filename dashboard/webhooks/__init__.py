"""Callbacks of providers: taken in, kept as they came, read by the receipts lane."""
