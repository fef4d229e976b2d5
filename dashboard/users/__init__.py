"""Users and their roles, for administrators."""
