"""The judge's statistics against scipy's and statsmodels', which they must equal."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _scores
from ansible_collections.gpt_oss.fleet.plugins.module_utils._scores import Tally
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _sequential, _statistics
from scipy import integrate, stats
from statsmodels.stats.multitest import multipletests

SEEDS = range(5)


def p_values(seed: int) -> list[float]:
    rng = random.Random(seed)
    return [rng.random() ** rng.choice((1, 4)) for _unused in range(rng.choice((1, 2, 40)))]


def tables(seed: int, n_questions: int = 12) -> tuple[list[Tally], list[Tally]]:
    rng = random.Random(seed)
    pairs = [(rng.randrange(1, 9), rng.randrange(1, 25)) for _unused in range(n_questions)]
    return tuple([Tally(rng.randrange(n + 1), n) for n in sizes] for sizes in zip(*pairs, strict=True))  # type: ignore[return-value]


@pytest.mark.parametrize("seed", SEEDS)
def test_adjusted_p_values_are_those_of_statsmodels(seed: int) -> None:
    p = p_values(seed)
    assert _statistics.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert _statistics.benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1])
    assert _statistics.benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))


@pytest.mark.parametrize("z", [-30.0, -8.0, -1.0, 0.0, 3.0])
def test_the_normal_distribution_is_that_of_scipy(z: float) -> None:
    assert _statistics.normal_cdf(z) == pytest.approx(stats.norm.cdf(z), rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_exact_tail_is_a_convolution_of_scipys_hypergeometric_distributions(seed: int) -> None:
    own, panel = tables(seed)
    whole = np.ones(1)
    for mine, theirs in zip(own, panel, strict=True):
        urn = stats.hypergeom(mine.measured + theirs.measured, mine.correct + theirs.correct, mine.measured)
        whole = np.convolve(whole, urn.pmf(np.arange(mine.measured + 1)))
    wanted = whole[: sum(tally.correct for tally in own) + 1].sum()
    assert _statistics.exact_lower_tail(own, panel) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("n", range(1, 11))
def test_the_variance_of_a_median_is_that_of_the_order_statistics(n: int) -> None:
    """For odd n by quadrature of the middle value's density; for even n by a simulation."""
    if n % 2:
        k = n // 2
        weight = math.factorial(n) / math.factorial(k) ** 2
        wanted, _error = integrate.quad(
            lambda x: x * x * weight * (stats.norm.cdf(x) * stats.norm.sf(x)) ** k * stats.norm.pdf(x), -8, 8
        )
        assert _statistics.median_variance(n) == pytest.approx(wanted, rel=1e-4)
    else:
        draws = np.random.default_rng(n).normal(size=(400_000, n))
        assert _statistics.median_variance(n) == pytest.approx(np.median(draws, axis=1).var(), rel=0.01)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_errors_within_questions_are_the_stratified_ones(seed: int) -> None:
    """numpy's unbiased variance of each question's answers, added up; and the summary that the judge makes says so."""
    own, _panel = tables(seed)
    own = [tally for tally in own if tally.measured > 1]
    answers = [np.array([1.0] * tally.correct + [0.0] * (tally.measured - tally.correct)) for tally in own]
    n = sum(map(len, answers))
    wanted = math.sqrt(sum(len(each) * each.var(ddof=1) for each in answers)) / n
    assert _scores.standard_error_within(own) == pytest.approx(wanted)
    summary = _statistics.summary(own)
    assert summary.answer_variance is not None
    assert math.sqrt(summary.answer_variance / n) == pytest.approx(wanted)
    assert summary.score == pytest.approx(np.mean([each.mean() for each in answers]))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_error_over_questions_is_the_clustered_one_of_statsmodels(seed: int) -> None:
    import statsmodels.api as sm

    own, _panel = tables(seed)
    answers = np.concatenate([[1.0] * tally.correct + [0.0] * (tally.measured - tally.correct) for tally in own])
    groups = np.repeat(np.arange(len(own)), [tally.measured for tally in own])
    fit = sm.OLS(answers, np.ones(len(answers))).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "df_correction": False, "use_correction": False}
    )
    few = math.sqrt(len(own) / (len(own) - 1))
    assert _scores.standard_error_clustered(own) == pytest.approx(fit.bse[0] * few)


@pytest.mark.parametrize("drift", [2.0, 3.4])
def test_the_bounds_of_looks_hold_for_numpys_walks(drift: float) -> None:
    """The chances to fail and to pass at each of the first three looks."""
    t = np.array([0.125, 0.25, 0.375])
    fractions = tuple(look / 8 for look in range(1, 9))
    limits = _sequential.bounds(fractions, 0.05, 0.05, drift)
    rng = np.random.default_rng(1)
    walks = np.cumsum(rng.normal(scale=math.sqrt(0.125), size=(400_000, 3)), axis=1) / np.sqrt(t)
    going = np.ones(len(walks), dtype=bool)
    for look, (fails, passes) in enumerate(_sequential.rates(limits, fractions, 0.0)[:3]):
        low, high = walks[:, look] <= limits[look].fail, walks[:, look] >= limits[look].passing
        assert (going & low).mean() == pytest.approx(fails, abs=4 * math.sqrt(fails / len(walks)) + 1e-5)
        assert (going & high).mean() == pytest.approx(passes, abs=4 * math.sqrt(passes / len(walks)) + 1e-5)
        going &= ~low & ~high
