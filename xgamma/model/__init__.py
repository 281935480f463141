"""The data model: names, axes, the sky frame, regions, templates, and the checks of all of them."""
