"""Devices: the tokens by which notifications reach them."""
