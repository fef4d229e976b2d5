"""Vendors over HTTP: one session of pooled connections and threads for all of them.

A vendor says how messages become a call (`build`) and what a reply says about each message (`parse`); everything
else is here. calls (what goes out, what comes back) -> exchange (one call, and how far it got) -> verdicts (what it
means for a message) -> session (many at once) -> provider (the base class of vendors).
"""
