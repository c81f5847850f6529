from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gibberish import gibberish

PARIS = "The capital of France is **Paris**."
# What models write: languages, mathematics, code, tables, lists, and replies of servers that were healthy.
GOOD = {
    "one word": "Paris",
    "one digit": "7",
    "a yes": "Yes.",
    "four equal digits": "1111",
    "sentence": PARIS,
    "real, vLLM 0.32.0, medium": "Hello there, this is the medium reply.",
    "real, vLLM 0.32.0, high": "Good day. After long thought my answer is forty two.",
    "real, vLLM 0.32.0, reasoning": (
        "Thinking hard: first read what the user wrote, second weigh several options, third choose the best one."
    ),
    "French": "La capitale de la France est Paris, où coule la Seine ; l\u2019été y est agréable.",
    "German": "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz ist ein langes Wort.",
    "Portuguese capitals": "NÃO, A SÃO-TOMÉ NÃO É A CAPITAL DA FRANÇA. ÂNGULO, CORAÇÃO, ÓRGÃO",
    "Vietnamese": "Thủ đô của nước Pháp là Paris, một thành phố nổi tiếng trên thế giới.",
    "Russian": "Столица Франции — Париж. GPU и CPU: IT-специалист подключил USB-кабель к порту.",
    "Chinese": "法国的首都是巴黎。巴黎位于塞纳河畔，是法国最大的城市，也是政治、经济和文化中心。" * 2,
    "Japanese": "フランスの首都はパリです。GPUサーバーでvLLMを動かすと、ATMのように便利です。",
    "Thai": "เมืองหลวงของประเทศฝรั่งเศสคือกรุงปารีสซึ่งตั้งอยู่ริมแม่น้ำแซนและเป็นเมืองที่มีชื่อเสียงมากที่สุดแห่งหนึ่งของโลกในปัจจุบันนี้",
    "Arabic": "عاصمة فرنسا هي باريس، وهي مدينة كبيرة على نهر السين.",
    "Hindi": "फ़्रांस की राजधानी पेरिस है, जो सीन नदी के किनारे बसा है।",
    "Korean": "프랑스의 수도는 파리입니다. PC방에서 GPU를 쓸 수 있습니다.",
    "hello in ten languages": (
        "English: Hello, Русский: Привет, 日本語: こんにちは, العربية: مرحبا, עברית: שלום, 한국어: 안녕, ไทย: สวัสดี"
    ),
    "emoji": "Paris 🗼🥐✨! 👨‍👩‍👧",
    "laughter": "Ha ha ha ha! That is funny. Yes, yes, yes: Paris it is.",
    "LaTeX": r"\[ \int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2} \qquad \boxed{\frac{a^2+b^2}{c^2}} \]",
    "short LaTeX": "$$ 3 + 5 = 8 $$",
    "a product written out": "2^20 = "
    + "2 × " * 19
    + "2 = 1048576, so the last digit is 6 and the number has 7 digits.",
    "a product in LaTeX": r"\(2^{12} = " + r"2 \times " * 11 + r"2 = 4096\). That is the number of bytes in a page.",
    "zeros": "A googol is 1" + "0" * 100 + ".",
    "thirds": "1/3 = 0." + "3" * 40 + "...",
    "a matrix of zeros": "\n".join(
        ["[0, 0, 0, 0, 0, 0, 0, 0]"] * 3 + ["is the zero matrix with three rows, as asked."]
    ),
    "Greek in physics": "Δx·Δp ≥ ħ/2; λ = 532 nm, μ₀ = 4π×10⁻⁷ N/A², Ω, kΩ, μm, αβγ",
    "table": "| " + " | ".join("abcdefghi") + " |\n|" + "---|" * 9 + "\n| " + " | ".join("123456789") + " |",
    "wide table": "| city | country |\n|" + "-" * 60 + "|" + "-" * 60 + "|\n| Paris | France |",
    "rule": "Answer\n" + "=" * 100 + "\nParis",
    "leaders": "Contents" + "." * 90 + "12",
    "Python": (
        "```python\ndef f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)\n\n\n"
        "for i in range(10):\n    print(i, f(i))  # -> 0 1 1 2 3 5\n```"
    ),
    "C": 'int main() { for (int i = 0; i < 10; ++i) { printf("%d\\n", a[i] & 0xff); } return !x || y[0] != 0; }',
    "regular expression": r"^(?:[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9]+)*)@(?:[a-z0-9-]+\.)+[a-z]{2,}$",
    "shell": "docker run --rm --gpus all -p 8000:8000 --ipc=host vllm/vllm-openai:v0.32.0 --model openai/gpt-oss-20b",
    "URL": "https://example.org/a/very/long/path/" + "segment-of-a-path/" * 6 + "index.html?id=3f2a9c&x=1",
    "hexadecimal": "sha256: 41d1213cd7a4998605a26c2798500652572007161b3a92817ba46b35befcd305",
    "acronyms": "HTTP, TCP, UDP, TLS and SSH are protocols; NVMe, PCIe and NVLink are not quite.",
    "numbers": ", ".join(str(number) for number in range(1, 101)),
    "one to twenty in words": (
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    ),
    "song": "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream.",
    "steps": "\n".join(f"{n}. Multiply {n} by 23 to get {n * 23}, then add the carry." for n in range(1, 30)),
    "one lost character": "A long answer in which a single character of another encoding was lost: \ufffd."
    + " word" * 1,
    "tabs and carriage returns": "a\tb\r\nc\td\r\n",
}
# What broken servers gave: each was seen on some engine, or is built after one that was.
BAD = {
    "empty": ("", "is empty"),
    "blank": (" \n\t ", "is empty"),
    "exclamation marks": ("!!!!!!!!", "'!' again and again"),
    "a few exclamation marks": ("!!!!", "hardly a letter"),
    "one letter": ("GGGGGG", "'G' again and again"),
    "one letter with blanks": ("G G G G G G G G", "'G' again and again"),
    "a good start, then one letter": ("The capital of France is " + "G" * 40, "'G' 40 times in a row"),
    "a good start, then exclamation marks": (PARIS + "!" * 64, "'!' 64 times in a row"),
    "dots for ever": (PARIS + "." * 500, "times in a row"),
    "blanks for ever": (PARIS + "\n" * 500 + "x", "blanks in a row"),
    "real, vLLM 0.22.1, dummy weights": ("уль overseуль overseуль overseуль overse", "repeats"),
    "one word": ("Paris " * 12, "repeats 'Paris"),
    "one word without blanks": ("assistant" * 9, "repeats 'assistant"),
    "one sentence": ("I am sorry, I cannot. " * 8, "repeats"),
    "a paragraph thrice": ("The answer is of course that which was asked for before, and no other. " * 3, "repeats"),
    "a loop after a good start": (PARIS + " It lies on the Seine." * 30, "repeats"),
    "a Chinese loop": ("的城市是" * 30, "repeats"),
    "numbers in a loop": ("1 2 3 4 " * 20, "repeats"),
    "a loop with variations": (
        " ".join(f"and then the model said that it was so, as it had said before {n * n % 97}" for n in range(40)),
        "again and again",
    ),
    "replacement characters": ("Par\ufffd\ufffd\ufffd is \ufffd", "replacement characters"),
    "a control character": ("Par\x00is", "U+0000"),
    "an escape sequence": ("\x1b[31mParis", "U+001B"),
    "private characters": ("Paris \ue000\ue001", "U+E000"),
    "mojibake of Latin letters": ("La capitale, cÃ©lÃ¨bre, a Ã©tÃ© fondÃ©e tÃ´t.", "wrongly decoded"),
    "mojibake of quotation marks": ("â€œParisâ€, itâ€™s there", "wrongly decoded"),
    "mojibake of Cyrillic": ("Ð¡Ñ‚Ð¾Ð»Ð¸Ñ†Ð°", "wrongly decoded"),
    "symbols": ("}{]$%&/()=?`´*+~'#-_.:,;<>|^°!\"§", "hardly a letter"),
    "symbols with a letter": ("{{{ }}} ;;; ::: ??? a <<< >>> ((( )))", "hardly a letter"),
    "a word without end": ("Paris" + "abcdefghijklmnopqrstuvwxyz" * 2 + "zyxwvutsrqponmlkjihgfedcba" * 2, "letters"),
    "no vowels": ("zxq wvv krr!! tthh ;; pq pq pq jzz ~~ wrrk vvv ?? hjk hjk zzt", "without vowels"),
    "Latin and Cyrillic in a word": ("policyуль overseст таnd breaкing", "mixes scripts within words"),
    "all scripts": (
        " ".join(f"{a} {b} {c} {d} {e}" for a, b, c, d, e in zip(
            ["time", "crawl", "ash", "super", "leng", "respond", "prep", "convo", "guess", "school"],
            ["стан", "про", "таж", "еще", "для", "над", "под", "вот", "как", "так"],
            ["织", "策", "客", "询", "码", "钟", "墙", "路", "灯", "河"],
            ["كان", "من", "في", "على", "إلى", "عن", "مع", "هذا", "ذلك", "بين"],
            ["और", "में", "की", "है", "से", "को", "पर", "यह", "वह", "था"],
        )),
        "scripts",
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_good_text_passes(text: str) -> None:
    assert gibberish(text) == ""


@pytest.mark.parametrize(("text", "reason"), BAD.values(), ids=BAD)
def test_bad_text_is_told_with_the_reason(text: str, reason: str) -> None:
    assert reason in gibberish(text)


def test_long_texts_take_no_time() -> None:
    assert gibberish("word and again " * 100_000)
    assert gibberish(" ".join(f"{number * 7919 % 99991} is a number" for number in range(20_000))) == ""
