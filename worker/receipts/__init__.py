"""From a provider's callback to the ledger: read, match, apply."""
