"""Sphinx configuration. Nothing here needs the network unless asked: see XGAMMA_INTERSPHINX."""

import importlib.util
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
# The kernels of the notebooks are processes of their own.
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
sys.path.insert(0, str(HERE / "_ext"))

import sphinx_autosummary_accessors  # noqa: E402

import xgamma  # noqa: E402

project = "xgamma"
author = "The xgamma developers"
copyright = "2026, The xgamma developers"
version = release = xgamma.__version__

extensions = [
    "myst_nb",
    "sphinx_design",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "matplotlib.sphinxext.plot_directive",
    "sphinx_autosummary_accessors",
    "numpydoc",
    "schema_tables",
    "accessor_tables",
    "short_names",
]
templates_path = ["_templates", sphinx_autosummary_accessors.templates_path]
# The pictures of the how-to pages are drawn by the programs in _plots, at every build.
plot_include_source = False
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 110)]
plot_apply_rcparams = True
plot_rcparams = {
    "figure.figsize": (5.2, 3.4),
    "figure.constrained_layout.use": True,
    "savefig.bbox": "tight",
}
exclude_patterns = ["_build", "**.ipynb_checkpoints"]
# Formulas without a network, where sphinx-mathjax-offline is installed.
if importlib.util.find_spec("sphinx-mathjax-offline"):
    extensions.append("sphinx-mathjax-offline")

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_title = "xgamma"
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
}
html_show_sourcelink = False
# Pages that stand by themselves have no neighbours to list.
ALONE = ("get-started", "data-model", "design", "performance", "changelog")
html_sidebars = {page: [] for page in ALONE}

myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = os.environ.get("XGAMMA_DOCS_EXECUTE", "off")
nb_execution_timeout = 300
nb_execution_in_temp = True
nb_merge_streams = True
# What loads the scripts of interactive pictures is not a picture itself.
suppress_warnings = ["mystnb.unknown_mime_type"]
nb_execution_raise_on_error = True

nitpicky = True
default_role = "py:obj"
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# The build works without a network; set the variable to link names of other projects.
if os.environ.get("XGAMMA_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "xarray": ("https://docs.xarray.dev/en/stable", None),
        "astropy": ("https://docs.astropy.org/en/stable", None),
    }
