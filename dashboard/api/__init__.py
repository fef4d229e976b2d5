"""The JSON API `/api/v1` for applications. One module per resource in `resources`, found by `registry`."""
