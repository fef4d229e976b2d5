"""Audience files: how they are read, understood, checked row by row and loaded, in constant memory and resumable.

sniffing + mapping guess; reading yields records; rows + addresses judge them; duplicates, rejects and staging keep
what was found on disk; checking and loading are the two passes that workers run.
"""
