"""Adapters to the services that carry messages. No database, no Flask: settings in, outcomes out."""
