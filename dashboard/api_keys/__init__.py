"""API keys: how applications identify themselves, and the administrator's pages about them."""
