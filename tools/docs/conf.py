"""The docs site's settings: see tools/docs.sh."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

project = title = html_title = "gpt_oss.fleet"
html_short_title = "gpt_oss.fleet"
copyright = "Contributors to the gpt_oss.fleet project"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
include_patterns = ["*.md", "docs/**.md", "roles/*/README.md", "reference/**.rst", "tests/acceptance/*/README.md"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
default_role = "any"
myst_heading_anchors = 4
pygments_style = "ansible"
# Else the dashes of --flags become one.
smartquotes = False
highlight_language = "YAML+Jinja"
html_theme = "sphinx_ansible_theme"
html_show_sphinx = False
html_copy_source = False
html_use_index = False

# What the pages of plugins link to on Ansible's own site. Its index is not asked for: this needs no network.
ANSIBLE = "https://docs.ansible.com/ansible/latest/"
LABELS = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}
BUILTIN = re.compile(r"ansible_collections\.ansible\.builtin\.(?P<plugin>[a-z_]+?)(__.*)?$")


def link_to_ansible(app: Sphinx, env: Any, node: Any, content: nodes.Element) -> nodes.reference | None:
    """Link what belongs to ansible-core to Ansible's own site."""
    found = BUILTIN.match(node["reftarget"])
    page = f"collections/ansible/builtin/{found['plugin']}.html" if found else LABELS.get(node["reftarget"])
    return nodes.reference("", "", content, refuri=ANSIBLE + page, internal=False) if page else None


def setup(app: Sphinx) -> None:
    """Register what the site adds to Sphinx."""
    app.connect("missing-reference", link_to_ansible)
