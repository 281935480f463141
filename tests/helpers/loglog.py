"""The integral of power laws between nodes, in one call."""

import numpy as np

from xgamma.numerics.loglog import LogLogIntegral


def integrate_loglog(log_rate, log_energy):
    """Integrate between neighbouring energies: rates of shape (..., n + 1) to (..., n)."""
    log_product = (log_rate + log_energy).reshape(-1, log_energy.size)
    out = np.empty((len(log_product), log_energy.size - 1))
    LogLogIntegral(log_energy, len(log_product))(log_product, out)
    return out.reshape(*log_rate.shape[:-1], -1)
