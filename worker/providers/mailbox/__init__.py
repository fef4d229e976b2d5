"""Mailboxes into which undeliverable mail comes back, read by IMAP or POP3."""
