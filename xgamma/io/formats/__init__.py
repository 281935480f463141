"""File formats, one a record: a new one is a module here."""
