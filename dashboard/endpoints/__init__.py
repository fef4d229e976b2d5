"""Webhook endpoints: addresses of applications that are told what happened here, and what was delivered to them."""
