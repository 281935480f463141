"""Safe-mask methods, one a record: a new one is a module here."""
