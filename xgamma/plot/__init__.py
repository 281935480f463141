"""Pictures: maps on the sky, spectra, responses. matplotlib is imported when one is drawn."""
