# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the simulator from a checkout: python -m simulator serve MODEL."""

from __future__ import annotations

import sys

from simulator.cli import main

sys.exit(main())
