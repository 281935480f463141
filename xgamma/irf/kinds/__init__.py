"""The kinds of responses of GADF, a module each; a new module is found by itself."""
