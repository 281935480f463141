"""Registries that forget what a test registers."""


def restore_after(registry, monkeypatch):
    """Restore the records of a registry when the test ends."""
    registry.records()
    monkeypatch.setattr(registry, "_records", dict(registry._records))
    monkeypatch.setattr(registry, "_sources", dict(registry._sources))
