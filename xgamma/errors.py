"""The errors and warnings of xgamma.

Each message is one sentence that names the thing and the mend.
"""


class XGammaError(ValueError):
    """Base class: something in the input cannot be used as it is."""


class MissingDataError(XGammaError, LookupError):
    """A file, HDU, column, run or variable that is needed is not there."""


class UnitError(XGammaError):
    """A unit is missing, unknown or of the wrong kind."""


class AxisError(XGammaError):
    """An axis is missing, malformed or does not match another."""


class FrameError(XGammaError):
    """Two sky frames differ, or a position is not inside the map."""


class OutsideError(FrameError):
    """A position or a field of view lies outside the map."""


class XGammaWarning(UserWarning):
    """Something a user should know that does not stop the work."""
