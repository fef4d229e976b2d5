"""Help that stands beside the work: what each status means, which keys do what."""
