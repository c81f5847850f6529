"""Replies in awkward formats, made up from a seed: what models write, and what nobody would write."""

from __future__ import annotations

import random

FRAGMENTS = (
    "Answer", "answer", "ANSWERS", "anſwer", "answers", "Answer:", "Option", "option", "choice", "optİon",
    "optıon", "CHOICE", "A", "B", "C", "D", "a", "b", "c", "d", "E", "T", "*", "**", "_", "__", "***", "(", ")",
    "[", "]", "{", "}", ":", "-", "–", ".", ",", ";", "+", "$", "#", ">", "`", "\\(", "\\)", "\\[", "\\boxed{",
    "boxed{", "\\framebox{", "framebox{", "\\fbox{", "\\text{", "\\textbf{", "\\mathrm{", "\\boxed{}",
    "\\boxed{A}", "\\boxed{204}", "\\frac{1}{2}", "1", "0", "7", "12", "204", "0204", "1,204", "2_04", "+204",
    "-5", "204.0", "204^\\circ", "２０４", "٣", "²", "é", "Å", "α", "答", "The", "is", "correct", "word", "x", "As",
    "Because", "Don't", "😀", " ", " ", "  ", "\n", "\n", "\n\n", "\r\n", "\r", "\t", "\u2028", "\x85", "\xa0",
    "\x1c", "\ufeff", "\x00", "",
)  # fmt: skip

WORDS = (
    "the", "energy", "of", "this", "state", "is", "therefore", "about", "we", "find", "that", "spin", "–",
    "coupling", "and", "bond", "angle", "Å", "so", "option", "because", "answer", "choice", "(see", "(B)",
    "above)", "12.5", "eV,", "$E=mc^2$", "\\frac{a}{b}", "A", "body", "**key", "point**", "at", "_once_", "Δ",
    "Because", "Consider", "Deriving", "*not*", "1.", "2.", "\\textbf{note}", "x_{1}", "All", "By",
)  # fmt: skip

ENDINGS = (
    "Answer: {}", "**Answer:** {}", "**Answer: {}**", "*Answers* – {}", "__Answer__: {}", "Answer is {}",
    "answer {}", "Answer:({})", "The answer is **{}**.", "The answer is ({}).", "Final answer: {}",
    "**Final Answer**\n\n{}", "Answer: \\({}\\)", "Answer: ${}$", "Answer: \\text{{{}}}", "Option {}",
    "choice: {}", "Option {} is wrong, choose (C)", "\\boxed{{{}}}", "\\boxed{{\\text{{{}}}}}",
    "\\boxed{{\\textbf{{{}) 5}}}}", "$$\\boxed{{{}}}$$", "boxed{{{}}}", "\\framebox{{{}}}", "\\textbf{{{}}}",
    "({})", "[{}]", "( {} )", "**{}**", "_{}_", "*{}) some text*", "**{}) text**", "**{}.** text", "{}", "{}.",
    "{}) text", "{} – text", "- {}", "> {}", "# {}", "`{}`", "<b>{}</b>", "Therefore {}", "\u201c{}\u201d", "",
    "\\boxed{{}} {}", "\\boxed{{1,{}}}", "\\boxed{{ {} }}", "\\boxed{{{}", "{}^\\circ",
    "\\boxed{{{}}} or \\boxed{{B}} or \\boxed{{17}}", "\n\n**Answer**\n\n**{}**", "Answer:\r\n{}", "ANSWER:\t{}",
    "m+n = {}",
)  # fmt: skip

CHOICES = (
    "A", "B", "C", "D", "a", "b", "c", "d", "E", "204", "0204", "1,204", "-5", "204.5", "+17", "2_04", "２０４",
    "\\frac{1}{2}", "None", "",
)  # fmt: skip


def soup(rng: random.Random, longest: int = 14) -> str:
    """Random fragments, thickly: each rule's near misses."""
    return "".join(rng.choice(FRAGMENTS) for _unused in range(rng.randint(0, longest)))


def prose(rng: random.Random, n_words: int) -> str:
    return "".join(rng.choice(WORDS) + rng.choice((" ", " ", " ", " ", "\n", "\n\n")) for _unused in range(n_words))


def ending(rng: random.Random) -> str:
    return rng.choice(ENDINGS).format(rng.choice(CHOICES))


def damaged(rng: random.Random, text: str) -> str:
    """Drop, double, swap case of or replace a few characters."""
    characters = list(text)
    for _unused in range(rng.randint(1, 4)):
        if characters:
            place = rng.randrange(len(characters))
            old = characters[place]
            characters[place] = rng.choice(("", old * 2, old.swapcase(), rng.choice(FRAGMENTS), " " + old, "\n" + old))
    return "".join(characters)


def realistic(rng: random.Random) -> str:
    """Some prose and one to three endings, at times damaged, at times with more prose behind."""
    text = prose(rng, rng.choice((0, 1, 3, 30, 120)))
    for _unused in range(rng.randint(1, 3)):
        text += rng.choice(("", "\n", "\n\n", " ")) + ending(rng)
    if rng.random() < 0.4:
        text = damaged(rng, text)
    if rng.random() < 0.2:
        text += " " + prose(rng, 5)
    return text


def long(rng: random.Random) -> str:
    """Several thousand characters up to 40,000; the answer first, last, or nowhere."""
    body = prose(rng, rng.randint(1_000, 6_000))
    middle = soup(rng, 200)
    return rng.choice((body + ending(rng), ending(rng) + "\n" + body, body[:20_000] + middle + body[:20_000], body))[
        :40_000
    ]
