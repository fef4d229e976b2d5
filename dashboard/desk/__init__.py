"""The settings page of the installation: who we are, for templates, and what the environment says."""
