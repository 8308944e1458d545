"""Sphinx, with MyST notebooks, as scverse's packages have it. No page needs the network to be built."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import generate  # noqa: E402

import past  # noqa: E402

generate.main(HERE / "reference")

project = "past"
author = "the authors of past"
release = past.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx_copybutton"]
exclude_patterns = ["_build", "generate.py"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
nb_execution_mode = "off"  # notebooks are executed by the tests, and lie here as they ended
html_theme = "sphinx_book_theme"
html_title = "past"
html_theme_options = {"show_navbar_depth": 1, "home_page_in_toc": True, "use_download_button": False}
smartquotes = False  # an option keeps its two hyphens
copybutton_prompt_text = "$ "
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
linkcheck_ignore = [r"https?://.*"]  # no network: only what is within is checked
