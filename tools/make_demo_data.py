# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the demo's data sets: made-up questions with computed answers, in the formats of GPQA diamond and AIME 2025.

    python tools/make_demo_data.py            write inventories/demo/files/
    python tools/make_demo_data.py --check    say whether the committed files are up to date (exit code 1 when not)

The same program gives the same bytes on every machine: it draws from random.Random(text).random() alone.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

FOLDER = Path(__file__).resolve().parent.parent / "inventories" / "demo" / "files"
VARIANTS = 9
T = TypeVar("T")


class Problem(NamedTuple):
    """A question with a numeric answer; `slips` are values that common mistakes lead to."""

    question: str
    value: float
    form: str
    slips: Sequence[float]


class Draw:
    """Reproducible choices."""

    def __init__(self, name: str) -> None:
        self._random = Random(f"gpt_oss.fleet demo: {name}")

    def whole(self, low: int, high: int) -> int:
        return low + int(self._random.random() * (high - low + 1))

    def tenth(self, low: float, high: float) -> float:
        return self.whole(round(low * 10), round(high * 10)) / 10

    def one(self, items: Sequence[T]) -> T:
        return items[self.whole(0, len(items) - 1)]


def number(value: float) -> str:
    """Write three significant digits, with a power of ten where plain digits would be long."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{float(f'{value:.3g}'):g}"
    power = math.floor(math.log10(abs(value)))
    return f"{value / 10**power:.2f} x 10^{power}"


# Physics


def kinetic_energy(d: Draw) -> Problem:
    mass, speed = d.whole(2, 95), d.whole(11, 240)
    energy = 0.5 * mass * 1e-3 * speed**2
    text = f"A steel ball of {mass} g leaves a launcher at {speed} m/s. What is its kinetic energy?"
    return Problem(text, energy, "{} J", (2 * energy, energy / 2, energy * 1000, energy / speed))


def ideal_gas(d: Draw) -> Problem:
    moles, volume, celsius = d.tenth(0.2, 4.5), d.whole(3, 40), d.whole(5, 140)
    pressure = moles * 8.314 * (celsius + 273.15) / volume
    wrong = moles * 8.314 * celsius / volume
    text = (
        f"A rigid vessel of {volume} L holds {moles} mol of an ideal gas at {celsius} degrees Celsius. "
        "What is the pressure in the vessel?"
    )
    return Problem(text, pressure, "{} kPa", (wrong, pressure / 1.01325, pressure * 1.5, pressure / 10))


def photon_energy(d: Draw) -> Problem:
    wavelength = d.whole(120, 940)
    energy = 1239.84 / wavelength
    text = f"A laser emits light with a wavelength of {wavelength} nm in vacuum. What is the energy of one photon?"
    return Problem(text, energy, "{} eV", (energy / 2, energy * 1.602, wavelength / 1239.84, energy * 6.283))


def electron_wave(d: Draw) -> Problem:
    volts = d.whole(40, 990)
    length = 1226.4 / math.sqrt(volts)
    text = (
        f"Electrons are accelerated from rest through {volts} V. What is their non-relativistic de Broglie wavelength?"
    )
    return Problem(text, length, "{} pm", (length * math.sqrt(2), length / 2, 1226.4 / volts, length / 6.283))


def capacitor(d: Draw) -> Problem:
    ohms, farads, share = d.whole(2, 68), d.whole(10, 470), d.whole(15, 85)
    time = -ohms * farads * math.log(share / 100)
    text = (
        f"A capacitor of {farads} microfarad discharges through a resistor of {ohms} kiloohm. "
        f"After what time has its voltage fallen to {share} % of the start value?"
    )
    slips = (ohms * farads * share / 100, time / 2, -ohms * farads * math.log(1 - share / 100), time * 1.44)
    return Problem(text, time, "{} ms", slips)


def thin_lens(d: Draw) -> Problem:
    focal = d.whole(4, 30)
    distance = focal + d.whole(3, 60)
    image = focal * distance / (distance - focal)
    text = (
        f"An object stands {distance} cm in front of a thin converging lens with a focal length of {focal} cm. "
        "How far behind the lens is the image?"
    )
    slips = (focal * distance / (distance + focal), image / 2, float(distance - focal) + 0.5, image * 1.25)
    return Problem(text, image, "{} cm", slips)


# Astronomy


def orbital_period(d: Draw) -> Problem:
    axis, mass = d.tenth(0.3, 30), d.tenth(0.4, 3.5)
    period = math.sqrt(axis**3 / mass)
    text = (
        f"A planet circles a star of {mass} solar masses on an orbit with a semi-major axis of {axis} AU. "
        "What is its orbital period?"
    )
    slips = (math.sqrt(axis**3 * mass) * 1.1, axis**1.5 * 1.3, (axis**2 / mass) ** (1 / 3), period / 2)
    return Problem(text, period, "{} years", slips)


def recession(d: Draw) -> Problem:
    rest, shift = d.one((121.6, 393.4, 486.1, 500.7, 656.3)), d.tenth(0.6, 19)
    speed = 299792.458 * shift / rest
    text = (
        f"A spectral line with a rest wavelength of {rest} nm is seen at {rest + shift:.1f} nm in a galaxy. "
        "What is the galaxy's radial velocity in the non-relativistic approximation?"
    )
    slips = (299792.458 * shift / (rest + shift) * 0.9, speed / 2, speed * 10, speed / 3.26)
    return Problem(text, speed, "{} km/s", slips)


def horizon(d: Draw) -> Problem:
    mass = d.tenth(3, 90)
    radius = 2.953 * mass
    text = f"What is the Schwarzschild radius of a non-rotating black hole of {mass} solar masses?"
    return Problem(text, radius, "{} km", (radius / 2, radius * 2, radius * 1.5, radius / 10))


def escape_speed(d: Draw) -> Problem:
    mass, radius = d.tenth(0.1, 9), d.tenth(0.4, 3)
    speed = 11.186 * math.sqrt(mass / radius)
    text = (
        f"A planet has {mass} times the mass and {radius} times the radius of the Earth. What is its escape velocity?"
    )
    slips = (speed / math.sqrt(2), 11.186 * mass / radius * 1.07, 11.186 * math.sqrt(mass * radius) * 0.93, speed * 2)
    return Problem(text, speed, "{} km/s", slips)


# Chemistry


def strong_acid(d: Draw) -> Problem:
    moles, volume = d.tenth(0.3, 9.5), d.whole(2, 25) * 50
    value = -math.log10(moles / volume)
    text = f"{moles} mmol of hydrogen chloride are dissolved in water to give {volume} mL of solution. What is its pH?"
    return Problem(text, value, "pH {}", (value + 0.3, 14 - value, value - 1, value + 1))


def weak_acid(d: Draw) -> Problem:
    strength, millimolar = d.tenth(3.2, 5.9), d.whole(10, 400)
    constant, amount = 10**-strength, millimolar / 1000
    protons = (-constant + math.sqrt(constant**2 + 4 * constant * amount)) / 2
    value = -math.log10(protons)
    text = f"A monoprotic weak acid has a pKa of {strength}. What is the pH of its {millimolar} mM aqueous solution?"
    return Problem(text, value, "pH {}", (strength + 0.2, -math.log10(amount) + 0.1, 14 - value, value + 0.8))


def first_order(d: Draw) -> Problem:
    start, rate, minutes = d.tenth(0.5, 4), d.whole(4, 60), d.whole(5, 60)
    left = start * math.exp(-rate * 1e-3 * minutes)
    text = (
        f"A first-order reaction has the rate constant {number(rate * 1e-3)} per minute. "
        f"The reactant starts at {start} mol/L. What is its concentration after {minutes} min?"
    )
    slips = (start - left + 0.01, start / (1 + rate * 1e-3 * minutes), start * (1 - left / 8), left / 2)
    return Problem(text, left, "{} mol/L", slips)


def half_life(d: Draw) -> Problem:
    share, minutes = d.whole(8, 46), d.whole(12, 300)
    value = minutes * math.log(2) / -math.log(share / 100)
    text = f"In a first-order decay {share} % of a compound are left after {minutes} min. What is its half-life?"
    return Problem(text, value, "{} min", (minutes * share / 100, minutes / 2.5, value / math.log(2), value * 0.8))


def arrhenius(d: Draw) -> Problem:
    barrier, low, rise = d.whole(35, 120), d.whole(280, 330), d.whole(8, 40)
    value = math.exp(barrier * 1e3 / 8.314 * (1 / low - 1 / (low + rise)))
    text = (
        f"A reaction has an activation energy of {barrier} kJ/mol. By what factor does its rate constant grow from "
        f"{low} K to {low + rise} K?"
    )
    slips = (math.sqrt(value) + 0.05, value**1.5 + 0.1, (low + rise) / low, value * 2)
    return Problem(text, value, "a factor of {}", slips)


def dilution(d: Draw) -> Problem:
    stock, wanted, volume = d.tenth(1, 12), d.whole(10, 480), d.whole(2, 40) * 25
    value = volume * wanted / 1000 / stock
    text = f"What volume of a {stock} M stock solution is needed for {volume} mL of a {wanted} mM solution?"
    return Problem(text, value, "{} mL", (volume * stock * 1000 / wanted, value * 2, volume - value, value * 10))


def heating(d: Draw) -> Problem:
    mass, rise = d.whole(120, 2900), d.whole(4, 75)
    value = mass * 4.184 * rise / 1000
    text = f"How much heat warms {mass} g of water by {rise} K (specific heat 4.184 J/(g K))?"
    return Problem(text, value, "{} kJ", (value / 4.184, value * 4.184, value / 2, value * 1.2))


# Biology and statistics


def nernst(d: Draw) -> Problem:
    inside, outside = d.whole(60, 180), d.whole(2, 40)
    value = 26.73 * math.log(outside / inside)
    text = (
        f"A membrane lets only potassium ions through. Inside there are {inside} mM, outside {outside} mM. "
        "What is the equilibrium potential (inside against outside) at 37 C?"
    )
    return Problem(text, value, "{} mV", (-value, value / 2.303, value / 2, value * 1.6))


def carriers(d: Draw) -> Problem:
    births = d.whole(8, 400) * 100
    allele = math.sqrt(1 / births)
    value = 200 * allele * (1 - allele)
    text = (
        f"A recessive disease strikes one in {births} newborns of a population in Hardy-Weinberg equilibrium. "
        "What share of the population carries one copy of the allele?"
    )
    return Problem(text, value, "{} %", (100 * allele, 400 * allele, value * 1.5, 100 / births))


def positive_test(d: Draw) -> Problem:
    ill, found, false = d.whole(2, 60), d.whole(70, 99), d.whole(2, 15)
    value = 100 * ill * found / (ill * found + (1000 - ill) * false)
    text = (
        f"Of 1000 people {ill} have a disease. A test finds {found} % of the ill and is wrongly positive for {false} % "
        "of the healthy. How likely is a person with a positive test to be ill?"
    )
    return Problem(text, value, "{} %", (found - 0.5, 100 - false - 0.2, 100 - value, value / 2 + 0.3))


def binomial(d: Draw) -> Problem:
    trials, hits, chance = d.whole(6, 14), d.whole(2, 4), d.whole(15, 60)
    p = chance / 100
    value = math.comb(trials, hits) * p**hits * (1 - p) ** (trials - hits)
    text = (
        f"Each of {trials} independent cell cultures is infected with probability {p:g}. "
        f"What is the probability that exactly {hits} are infected?"
    )
    slips = (p**hits * (1 - p) ** (trials - hits), 1 - value, value / 2, math.comb(trials, hits) * p**hits / 40)
    return Problem(text, value, "probability {}", slips)


def carbon_age(d: Draw) -> Problem:
    share = d.whole(4, 96)
    value = -5730 / math.log(2) * math.log(share / 100)
    text = f"A wooden tool holds {share} % of the carbon-14 of living wood (half-life 5730 years). How old is it?"
    return Problem(text, value, "{} years", (value * math.log(2), 5730 * (1 - share / 100) + 9, value / 2, value * 1.7))


GPQA: Sequence[tuple[str, str, Callable[[Draw], Problem]]] = (
    ("Physics", "Mechanics", kinetic_energy),
    ("Chemistry", "Acids and bases", strong_acid),
    ("Physics", "Astrophysics", orbital_period),
    ("Biology", "Genetics", carriers),
    ("Physics", "Thermodynamics", ideal_gas),
    ("Chemistry", "Kinetics", first_order),
    ("Physics", "Quantum physics", photon_energy),
    ("Biology", "Physiology", nernst),
    ("Chemistry", "Acids and bases", weak_acid),
    ("Physics", "Astrophysics", recession),
    ("Physics", "Quantum physics", electron_wave),
    ("Biology", "Epidemiology", positive_test),
    ("Chemistry", "Kinetics", half_life),
    ("Physics", "Astrophysics", horizon),
    ("Physics", "Electrodynamics", capacitor),
    ("Chemistry", "Kinetics", arrhenius),
    ("Biology", "Statistics", binomial),
    ("Physics", "Optics", thin_lens),
    ("Chemistry", "Solutions", dilution),
    ("Physics", "Astrophysics", escape_speed),
    ("Chemistry", "Thermochemistry", heating),
    ("Biology", "Dating", carbon_age),
)


# Contest mathematics: question, answer


def multiples(d: Draw) -> tuple[str, int]:
    top, a, b, c = d.whole(600, 1900), d.one((4, 5, 6, 7)), d.one((9, 11, 13)), d.whole(14, 19)
    count = sum(1 for n in range(1, top + 1) if (n % a == 0 or n % b == 0) and n % c)
    return f"How many positive integers not above {top} are divisible by {a} or by {b}, but not by {c}?", count


def power(d: Draw) -> tuple[str, int]:
    base, exponent = d.one((3, 7, 11, 13, 17, 19, 21, 23, 27, 29)), d.whole(120, 2025)
    return f"Find the remainder when ${base}^{{{exponent}}}$ is divided by $1000$.", pow(base, exponent, 1000)


def pairs(d: Draw) -> tuple[str, int]:
    a, b, total = d.one((3, 4, 5, 7, 8)), d.one((11, 13, 17)), d.whole(900, 4000)
    count = sum(1 for x in range(1, total // a + 1) if total > a * x and (total - a * x) % b == 0)
    return f"Find the number of pairs $(x, y)$ of positive integers with ${a}x + {b}y = {total}$.", count


def paths(d: Draw) -> tuple[str, int]:
    width, height = d.whole(5, 6), d.whole(4, 5)
    x, y = d.whole(1, width - 1), d.whole(1, height - 1)
    through = math.comb(x + y, x) * math.comb(width - x + height - y, width - x)
    text = (
        f"A path goes from $(0,0)$ to $({width},{height})$ by unit steps to the right and up, and avoids $({x},{y})$. "
        "How many such paths are there?"
    )
    return text, math.comb(width + height, width) - through


def divisors(d: Draw) -> tuple[str, int]:
    a, b, c, e = d.whole(3, 8), d.whole(2, 6), d.whole(1, 4), d.whole(1, 3)
    odd = (b + 1) * (c + 1) * (e + 1)
    text = f"How many even divisors does $2^{{{a}}} \\cdot 3^{{{b}}} \\cdot 5^{{{c}}} \\cdot 7^{{{e}}}$ have?"
    return text, a * odd


def dice(d: Draw) -> tuple[str, int]:
    number_of_dice, modulus = d.whole(3, 4), d.whole(4, 9)
    hits = sum(1 for roll in product(range(1, 7), repeat=number_of_dice) if sum(roll) % modulus == 0)
    chance = Fraction(hits, 6**number_of_dice)
    text = (
        f"{number_of_dice} fair six-sided dice are rolled. The probability that their sum is divisible by {modulus} is "
        "$\\frac{m}{n}$ in lowest terms. Find the remainder when $m+n$ is divided by $1000$."
    )
    return text, (chance.numerator + chance.denominator) % 1000


def recursion(d: Draw) -> tuple[str, int]:
    p, q, index = d.whole(2, 6), d.whole(2, 5), d.whole(20, 60)
    before, now = 1, 1
    for _unused in range(index - 2):
        before, now = now, p * now + q * before
    text = (
        f"Let $a_1 = a_2 = 1$ and $a_{{n+2}} = {p}a_{{n+1}} + {q}a_n$. "
        f"Find the remainder when $a_{{{index}}}$ is divided by $1000$."
    )
    return text, now % 1000


def angles(d: Draw) -> tuple[str, int]:
    sides, known = d.whole(6, 9), d.whole(110, 135)
    rest = (sides - 2) * 180 - (sides - 3) * known
    text = (
        f"In a convex polygon with {sides} sides all interior angles but three measure ${known}^\\circ$. "
        "Find the sum of the other three, in degrees."
    )
    return text, rest


def sparse_subsets(d: Draw) -> tuple[str, int]:
    size, gap = d.whole(9, 13), d.whole(2, 3)
    counts = [1] * gap
    for _unused in range(size):
        counts.append(counts[-1] + counts[-gap])
    text = (
        f"How many subsets of $\\{{1, 2, \\dots, {size}\\}}$, the empty one included, have no two elements that differ "
        f"by less than ${gap}$?"
    )
    return text, counts[size + gap - 1]


def smallest(d: Draw) -> tuple[str, int]:
    modulus, shift = d.one((89, 97, 101, 113, 127, 131, 149, 151)), d.whole(3, 80)
    found = [n for n in range(1, modulus + 1) if (n * n + n + shift) % modulus == 0]
    text = f"Find the least positive integer $n$ for which $n^2 + n + {shift}$ is divisible by ${modulus}$."
    return text, found[0] if found else -1


AIME = (multiples, power, pairs, paths, divisors, dice, recursion, angles, sparse_subsets, smallest)


def choices(problem: Problem) -> list[str]:
    """Return the right answer and three wrong ones, all different as written."""
    written = [problem.form.format(number(problem.value))]
    for slip in (*problem.slips, problem.value * 1.1, problem.value * 0.9, problem.value * 1.3, problem.value * 0.7):
        text = problem.form.format(number(slip))
        if text not in written and len(written) < 4 and abs(slip - problem.value) > 0.04 * abs(problem.value):
            written.append(text)
    if len(written) < 4:
        raise ValueError(f"too few different answers: {problem}")
    return written


def gpqa_rows() -> list[list[str]]:
    """Return the 198 rows: each kind of question nine times, the kinds in turn."""
    rows: list[list[str]] = []
    for variant in range(VARIANTS):
        for domain, field, make in GPQA:
            seen = {row[1] for row in rows}
            problem = _new(make, variant, lambda made: made.question not in seen)  # noqa: B023
            rows.append([f"demo-{len(rows) + 1:03d}", problem.question, *choices(problem), domain, field])
    return rows


def aime_rows(part: int) -> list[dict[str, str]]:
    """Return the 15 rows of part 1 or 2. As in the official files, part 2 writes an angle with its degree sign."""
    rows: list[dict[str, str]] = []
    for number_in_part in range(15):
        make = AIME[number_in_part % len(AIME)]
        seen = {row["question"] for row in rows} | ({row["question"] for row in aime_rows(1)} if part == 2 else set())
        question, answer = _new(
            make,
            100 * part + number_in_part,
            lambda made: made[0] not in seen and 0 <= made[1] <= 999,  # noqa: B023
        )
        rows.append(
            {"question": question, "answer": f"{answer}^\\circ" if make is angles and part == 2 else str(answer)}
        )
    return rows


def _new(make: Callable[[Draw], T], variant: int, accepted: Callable[[T], bool]) -> T:
    """Draw until the question is accepted: a new one, with an answer in range."""
    for attempt in range(100):
        made = make(Draw(f"{make.__name__} {variant} {attempt}"))
        if accepted(made):
            return made
    raise ValueError(f"{make.__name__} gives no new question")


def files() -> dict[str, str]:
    """Return the name and text of each file."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    header = ["Record ID", "Question", "Correct Answer", *(f"Incorrect Answer {n}" for n in (1, 2, 3))]
    writer.writerow([*header, "High-level domain", "Subdomain"])
    writer.writerows(gpqa_rows())
    parts = {f"aime25_demo-{part}.jsonl": aime_rows(part) for part in (1, 2)}
    texts = {name: "".join(json.dumps(row) + "\n" for row in rows) for name, rows in parts.items()}
    return {"gpqa_demo.csv": table.getvalue(), **texts}


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the demo's made-up data sets.")
    parser.add_argument("--check", action="store_true", help="only say whether the files are up to date")
    check = parser.parse_args().check
    stale = []
    for name, text in files().items():
        path = FOLDER / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if check and stale:
        sys.stderr.write(f"Not up to date: {', '.join(stale)} in {FOLDER}; run python tools/make_demo_data.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
