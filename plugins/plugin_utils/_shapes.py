# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: shapes - what is said of values that are not in the shape that a plugin is documented to take.

Facts are made by modules, and may be another version's, or have been set by hand; recipes and the like are the user's
own. They are large, so they are not checked through and through beforehand: code that finds another shape raises one
of WRONG, whose traceback is shown with -vvv.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ansible.errors import AnsibleActionFail, AnsibleFilterError
from ansible.utils.display import Display
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import kind_of
from jinja2 import UndefinedError

Report = TypeVar("Report")

# ArithmeticError: infinite numbers, also those that decimal refuses.
WRONG = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, UndefinedError, ValueError)


def found_in(exc: BaseException) -> str:
    """Return what an error says was found, in words that say something to those who wrote the value."""
    if isinstance(exc, KeyError) and exc.args:
        return f"an entry without {exc.args[0]!r}"
    if isinstance(exc, AttributeError):
        return f"{kind_of(exc.obj)} where another kind of value belongs"
    if isinstance(exc, LookupError):
        return "a list that is too short"
    if isinstance(exc, UndefinedError):
        return "an entry without a part that the page shows"
    if isinstance(exc, RecursionError):
        return "values that are nested too deep"
    return "a value of another type"


def guarded(name: str, function: Callable[..., Report]) -> Callable[..., Report]:
    """Return a filter that fails with a sentence where its input has another shape than its documentation tells."""

    @functools.wraps(function)
    def call(*args: Any, **named: Any) -> Report:
        try:
            return function(*args, **named)
        except WRONG as exc:
            Display().vvv(traceback.format_exc())
            full = f"gpt_oss.fleet.{name}"
            raise AnsibleFilterError(
                f"{full}: wanted values as `ansible-doc -t filter {full}` tells, found {found_in(exc)}; correct them, "
                "or where they are facts gather these anew"
            ) from None  # Ansible would add the error's own words

    return call


def sentences(run: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return an action's `run` that fails with a sentence for what `guarded` is for."""

    @functools.wraps(run)
    def call(self: Any, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            return run(self, tmp, task_vars)
        except WRONG as exc:
            Display().vvv(traceback.format_exc())
            raise AnsibleActionFail(
                f"Wanted parameters and facts as `ansible-doc {self._task.action}` tells, found {found_in(exc)}. "
                "Correct them, or gather the facts anew."
            ) from None

    return call


def survived(
    report_of: Callable[[Mapping[str, Any]], Report], hosts: Mapping[str, Any], broken: Callable[[str, str], Any]
) -> Report:
    """Return the report on all hosts, though the facts of some have a shape that no report can be made of.

    In their place comes what `broken` returns for a host's name and why its facts cannot be used.
    """
    try:
        return report_of(hosts)
    except WRONG:
        sound = dict(hosts)
        for name, own in hosts.items():
            try:
                report_of({name: own})
            except WRONG as exc:
                sound[name] = broken(name, unusable(exc))
        return report_of(sound)


def unusable(exc: BaseException) -> str:
    """Return why a host's facts cannot be used, from what their reader raised."""
    return (
        f"its facts are not as this version of the collection makes them: found {found_in(exc)}; run what gathers "
        "them on it again"
    )
