"""What every layer uses and nothing of the sky: units, arguments, laziness, options, atomic writing."""
