# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: report notes, what the report says beside its tables, in Markdown and in HTML alike."""

from __future__ import annotations

SIMULATED_NOTE = "The answers come from a simulator. These scores say nothing about any model or GPU."

SCORES_NOTE = """\
Scores and differences in points. ±: standard error over new answers to the same questions, which is what hosts differ
by. 95 % interval: over other questions of the same kind, for comparing with a paper. A reference in brackets comes from
another kind of run and judges nothing. Fleet: median of the other servers; for good ones without the bad."""

SAMPLES_NOTE = """\
Measured samples are correct, wrong, unparsed (only a fallback rule found an answer, or none did) or truncated (cut off
at the token limit); the others do not count in the score. Cut off, fallback and empty count right answers too."""

REPEATS_NOTE = """\
In points. pass@k: at least one of k answers is right (unbiased, arXiv:2107.03374). Majority: the most frequent answer
to a question is right; of m that tie, each counts 1/m. Repeats: the scores of the single repeats, lowest to highest."""

SPEED_NOTE = """\
Seconds: how long at least one request of this score was under way; scores of one run share the server. Latency: from a
sample's first attempt to its answer, retries and the server's queue included. First token: what the server counted
during the run, whoever asked, interpolated in its histogram."""

STARTUP_NOTE = "Seconds that each stage of the last start took, by the server's log."

SEQUENTIAL_NOTE = """\
Differences and bounds in points. An eval that is asked repeat by repeat ends where the difference has passed a bound:
its score is over fewer samples than a whole run's."""

REFERENCE_DATA_NOTE = "The data sets were not compared with the references' (`reference_data: any`)."

# Settings of the facts are filled in.
METHOD = (
    "Against the fleet: a server's score less the median of the other servers' scores in the same cell, from three "
    "servers on. The questions are the same, so the noise is that within the questions (Miller 2024, "
    "arXiv:2411.00640). Below 100 questions a low score is judged by the exact conditional (Mantel-Haenszel) test, not "
    "by the normal approximation.",
    "Against a reference: only where model, effort, task, sampler, number of questions and data set match and the "
    "reference states its number of samples; its own sampling noise counts. Accepted full runs, kept question by "
    "question, also judge a part of their questions: compared are the questions that both have, by the noise of both "
    "within them.",
    "Bad: rejected by Holm's method at {alpha:g} over all tests of the fleet. Suspect: on Benjamini and Hochberg's "
    "list at {false_discovery_rate:g}. All tests are one-sided, for lower.",
    "Missing or void: no score of this run that could be judged. That is never a pass.",
    "Unjudged: there was nothing to compare with.",
)
