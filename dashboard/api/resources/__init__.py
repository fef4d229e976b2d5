"""One module per resource; each brings an APIBlueprint named `api`."""
