"""Telling applications what happened: what changed since the last look, and its delivery over HTTP."""
