"""Responses of zeros: said when they are used, and by validate."""

import pytest

import xgamma as xg
from tests.helpers.runs import responses, simulated, template, with_group
from xgamma.irf.registry import rule_of

USES = {
    "aeff": lambda ds, obs: ds.gamma.fill(obs, select=["exposure"]),
    "edisp": lambda ds, obs: ds.gamma.fill(obs, select=["edisp"]),
    "psf": lambda ds, obs: ds.gamma.fill(obs, select=["psf"]),
    "bkg": lambda ds, obs: ds.gamma.fill(obs, select=["background"]),
}


@pytest.mark.parametrize("group", USES)
def test_a_response_of_zeros_is_told(group):
    """Exposure, dispersion, background were zero, and a PSF of no width 1 deg wide, without a word."""
    name = next(
        n
        for n in map(str, responses()[group].data_vars)
        if rule_of(responses()[group], n).not_all_zero
    )
    run = simulated()
    empty = responses()[group].assign({name: lambda ds: 0 * ds[name].assign_attrs(ds[name].attrs)})
    empty[name].attrs = responses()[group][name].attrs
    run = with_group(run, group, **{name: empty[name].variable})
    ds = template(rad=xg.rad_axis("0.5 deg", 10))
    with pytest.warns(
        xg.XGammaWarning, match=rf"Run 1: all values of '{name.upper()}' .* are zero"
    ):
        USES[group](ds, run)
    assert any("are zero" in issue for issue in xg.validate(run, "return"))
    assert not any("are zero" in issue for issue in xg.validate(simulated(), "return"))


def test_one_value_is_enough(recwarn):
    obs = simulated(responses(aeff=lambda energy, offset: 1e5 * (energy > 1) * (offset < 1)))
    template().gamma.fill(obs, select=["exposure"])
    assert not [w for w in recwarn if "are zero" in str(w.message)]
