"""DL3: event lists and instrument responses, read, selected, written and simulated."""
