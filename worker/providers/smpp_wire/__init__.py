"""SMPP 3.4: the dialogue with a message centre, and the hub that lets many processes share its few connections.

PDUs are written by aiosmpplib; they are read, and the dialogue is led, here (docs/decisions.md says why).
"""
