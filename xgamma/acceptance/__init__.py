"""Camera acceptance, the background across the field of view: what runs show of it, as a response."""
