"""Keys that sign mail (DKIM), one or more for each From domain."""
