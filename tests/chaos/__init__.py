"""Campaigns whose processes are killed while they run: nothing lost, little doubled, everything marked."""
