# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: the prompt templates, protocol constants of the evals.

A score can be compared with a published one only if each character the model sees is the same. So these two
strings are data, taken as they are from gpt-oss 0.0.9 (https://github.com/openai/gpt-oss):
``gpt_oss/evals/gpqa_eval.py`` (stripped there once, when it is defined) and ``gpt_oss/evals/aime_eval.py``
(starts and ends with a newline). Both are meant for ``str.format``.
"""

from __future__ import annotations

GPQA_PROMPT = """{Question}

(A) {A}
(B) {B}
(C) {C}
(D) {D}

Express your final answer as the corresponding option 'A', 'B', 'C', or 'D'."""

AIME_PROMPT = """
{question}
Please reason step by step, and put your final answer within \\boxed{{}}.
"""
