"""The standard set: events of shops with texts to begin with. None is there before somebody adopts it."""
