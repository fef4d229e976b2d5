"""One-time codes: how they are made and sent, verified, limited, and what became of each."""
