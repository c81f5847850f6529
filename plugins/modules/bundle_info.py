# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.bundle_info: what a bundle holds, and where the models lie that hosts shall have."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_info
short_description: Tells what a bundle holds
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Reads the document of a bundle that M(gpt_oss.fleet.bundle) made, in a folder or a tar archive, on the controller or
    on the host. Changes nothing.
  - Tells of models, too, where in the bundle, or where else on the controller, they lie, and which commit they are.
options:
  path:
    description: The bundle. Without one, only models with a C(source) of their own are told of.
    type: path
  remote_src:
    description: Whether the bundle is on the host.
    type: bool
    default: false
  models:
    description:
      - The wanted models, entries of C(hf_cache_models). One with a C(source) lies there, on the controller; any other
        is looked for in the bundle.
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Look what is in the bundle
  gpt_oss.fleet.bundle_info:
    path: /srv/gpt-oss-bundle.tar
    models:
      - repo_id: openai/gpt-oss-20b
"""

RETURN = r"""
bundle:
  description: What C(bundle.json) holds; empty without a bundle.
  type: dict
  returned: success
models:
  description: >-
    The wanted models, each as it was given, with its C(commit) and the place of its files: C(src), C(prefix) and
    C(remote_src), as M(gpt_oss.fleet.staged_files) takes them.
  type: list
  elements: dict
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _bundle
from ansible_collections.gpt_oss.fleet.plugins.module_utils._bundle import BundleError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._bundle_models import INFO_SPEC, from_bundle
from ansible_collections.gpt_oss.fleet.plugins.module_utils._parcel import ParcelError, open_parcel
from ansible_collections.gpt_oss.fleet.plugins.module_utils._sums import SumsError


def main() -> None:
    module = AnsibleModule(argument_spec=INFO_SPEC, supports_check_mode=True)
    params = module.params
    try:
        document = _bundle.read(open_parcel(params["path"])) if params["path"] else {}
        models: list[dict[str, Any]] = [
            from_bundle(document, entry, params["path"], params["remote_src"]) for entry in params["models"]
        ]
    except (BundleError, ParcelError, SumsError, OSError, ValueError) as exc:
        module.fail_json(msg=str(exc), exception=exc)
    module.exit_json(changed=False, bundle=document, models=models)


if __name__ == "__main__":
    main()
