# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look-alike of `vllm serve` that needs no GPU, no model and nothing beyond the standard library.

It keeps vLLM's command line, start-up log, endpoints and ways to die, and answers evals from an answer key.
"""
