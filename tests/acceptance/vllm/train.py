"""Teach the tiny model to reply as gpt-oss does, so that all that the collection looks at in a reply is really there.

usage: train.py UNTRAINED TRAINED

What it learns (checked at the end by sampling at temperature 1; a poor model is not saved):
- the Harmony shape: an analysis, a final message, the stop token;
- an analysis whose length follows the reasoning effort (about 4, 12 and 26 tokens);
- the capital of France; `Answer: X` on the GPQA template; `\\boxed{n}` on the AIME template; a greeting on all else.
Which letter or number it gives is chance: it was trained on random ones.

What makes this a matter of a minute rather than of hours:
- only tokens that matter have an embedding of their own; all others share one, so that no unseen word can upset it;
- the embeddings stay frozen, and the head learns the rows of the tokens it may say, and one row for all the others;
- the two decisions in a reply (which thought, which kind of answer) weigh as much as the words that follow from them.
"""

from __future__ import annotations

import math
import os
import random
import shutil
import sys
import time
from pathlib import Path

import torch
from openai_harmony import (
    Conversation,
    DeveloperContent,
    HarmonyEncodingName,
    Message,
    ReasoningEffort,
    Role,
    SystemContent,
    load_harmony_encoding,
)
from torch.nn import functional
from transformers import GptOssForCausalLM

STEPS = 300
BATCH = 16
LEARNING_RATE = 4e-3
SHARPEN = 3.5  # the head is scaled by it after training: at temperature 1 a sample then keeps to what was learnt
PAD, MESSAGE = 199_999, 200_008

THOUGHTS = {
    "low": "A short glance.",
    "medium": "I read this with care before I say what seems right.",
    "high": (
        "Let us think long: first understand every word; second compare all candidates, "
        "third doubt them once more - then choose one and finish."
    ),
}
PARIS = "The capital of France is Paris."
GREETING = "Hello, this is a tiny model of the gpt-oss architecture."
LETTERS = "ABCD"
NUMBERS = (7, 12, 42, 60, 96, 120, 204, 360)

# Kinds of question, and how often each comes.
KINDS = {"gpqa": 3, "aime": 3, "capital": 2, "other": 2}
CAPITAL_QUESTIONS = (
    "What is the capital of France?",
    "What is the capital of France? Answer in one word.",
    "Name the capital of France.",
    "Which city is the capital of France?",
)
# The prompts of the two evals, as gpt_oss.evals words them.
GPQA = (
    "{question}\n\n(A) {options[0]}\n(B) {options[1]}\n(C) {options[2]}\n(D) {options[3]}\n\n"
    "Express your final answer as the corresponding option 'A', 'B', 'C', or 'D'."
)
AIME = "\n{question}\nPlease reason step by step, and put your final answer within \\boxed{{}}.\n"

# The words that decide a reply get a dimension of the embedding each, so that attention finds them at once.
SIGNS = (" low", " medium", " high", " France", "Express", "boxed")

encoding = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)


def encode(text: str) -> list[int]:
    return encoding.encode(text, allowed_special="all")


def finals(kind: str) -> list[str]:
    """All final messages that are right for a kind of question; each is as likely as the others."""
    return {
        "capital": [PARIS],
        "gpqa": [f"I weighed the options.\n\nAnswer: {letter}" for letter in LETTERS],
        "aime": [f"Adding up gives \\boxed{{{number}}}" for number in NUMBERS],
        "other": [GREETING],
    }[kind]


def script(effort: str, final: str) -> str:
    return (
        f"<|channel|>analysis<|message|>{THOUGHTS[effort]}<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>{final}<|return|>"
    )


def common_words() -> list[str]:
    """Fill for questions: whole words of the vocabulary, digits and signs."""
    decoded = (encoding.decode([token]).strip() for token in range(1000, 12_000))
    return (
        [word for word in decoded if word and word.isascii()]
        + list("+-=*/()$,.:'") * 20
        + [str(number) for number in range(300)]
    )


WORDS = common_words()
# Words that mean something elsewhere must mean nothing inside a question.
DECOYS = ("low", "medium", "high", "capital", "France", "final", "answer", "option", "Reasoning", "The", "I", "is")


def filler(most: int) -> str:
    count = random.randint(1, most)
    return " ".join(
        random.choice(DECOYS) if random.random() < 0.06 else random.choice(WORDS) for _unused in range(count)
    )


def question(kind: str) -> str:
    # Mostly short, for speed, with enough long ones that distance does not matter.
    length = random.choice((8, 8, 20, 60))
    if kind == "gpqa":
        return GPQA.format(question=filler(length), options=[filler(random.choice((2, 6, 12))) for _unused in range(4)])
    if kind == "aime":
        return AIME.format(question=filler(length))
    return random.choice(CAPITAL_QUESTIONS) if kind == "capital" else filler(length)


def prompt(effort: str, kind: str) -> list[int]:
    date = f"20{random.randint(24, 39)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"
    system = SystemContent.new().with_reasoning_effort(ReasoningEffort(effort.capitalize()))
    messages = [Message.from_role_and_content(Role.SYSTEM, system.with_conversation_start_date(date))]
    if random.random() < 0.1:
        developer = DeveloperContent.new().with_instructions(filler(8))
        messages.append(Message.from_role_and_content(Role.DEVELOPER, developer))
    messages.append(Message.from_role_and_content(Role.USER, question(kind)))
    return encoding.render_conversation_for_completion(Conversation.from_messages(messages), Role.ASSISTANT)


def sample() -> tuple[list[int], list[int]]:
    effort = random.choice(list(THOUGHTS))
    kind = random.choices(list(KINDS), list(KINDS.values()))[0]
    return prompt(effort, kind), encode(script(effort, random.choice(finals(kind))))


def spoken_tokens() -> list[int]:
    """The tokens the model may say, in the order of the head's trained rows."""
    texts = [script(effort, final) for effort in THOUGHTS for kind in KINDS for final in finals(kind)]
    return sorted({token for text in texts for token in encode(text)})


def known_tokens() -> list[int]:
    """The tokens with an embedding of their own: those the model says, and the fixed parts of all prompts."""
    fixed = [*CAPITAL_QUESTIONS, *SIGNS, " ".join(DECOYS), AIME.format(question="")]
    fixed.append(GPQA.format(question="", options=[""] * 4))
    tokens = {token for text in fixed for token in encode(text)}
    return sorted(tokens | set(prompt("low", "capital")) | set(spoken_tokens()))


def freeze(model: GptOssForCausalLM, known: list[int]) -> None:
    """Give the known tokens embeddings of their own, and all others one in common."""
    weight = model.model.embed_tokens.weight
    with torch.no_grad():
        rows = torch.randn(len(known) + 1, weight.shape[1]) * 0.5
        rows[:, : len(SIGNS)] = 0
        for dimension, sign in enumerate(SIGNS):
            (token,) = encode(sign)
            rows[known.index(token), dimension] = 6.0
        weight[:] = rows[-1]
        weight[torch.tensor(known)] = rows[:-1]
    weight.requires_grad_(False)
    model.lm_head.weight.requires_grad_(False)


def turning_points(said: list[int]) -> list[int]:
    """Where a reply cannot be foretold from its last tokens: the first word of the thought and of the final message."""
    return [position + 1 for position, token in enumerate(said) if token == MESSAGE]


def batch(row_of: dict[int, int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens, labels and weights of the labels."""
    pairs = [sample() for _unused in range(BATCH)]
    length = max(len(asked) + len(said) for asked, said in pairs)
    tokens, labels = torch.full((BATCH, length), PAD), torch.full((BATCH, length), -100)
    weights = torch.ones((BATCH, length))
    for index, (asked, said) in enumerate(pairs):
        tokens[index, : len(asked) + len(said)] = torch.tensor(asked + said)
        labels[index, len(asked) - 1 : len(asked) + len(said) - 1] = torch.tensor([row_of[token] for token in said])
        for position in turning_points(said):
            weights[index, len(asked) - 1 + position] = len(said) / 2
    return tokens, labels, weights


def train(model: GptOssForCausalLM, spoken: list[int]) -> torch.Tensor:
    """Train the body and a small head. The head's last row stands for every token that is never said."""
    others = math.log(model.config.vocab_size - len(spoken))
    head = torch.nn.Parameter(torch.randn(len(spoken) + 1, model.config.hidden_size) * 0.05)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad] + [head]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.0, betas=(0.9, 0.98))
    row_of = {token: row for row, token in enumerate(spoken)}
    weight_of_others = torch.zeros(len(spoken) + 1)
    weight_of_others[-1] = others
    begun = time.monotonic()
    for step in range(STEPS):
        for group in optimizer.param_groups:
            warm_up, decay = min(1.0, (step + 1) / 30), 0.5 * (1 + math.cos(math.pi * step / STEPS)) + 0.01
            group["lr"] = LEARNING_RATE * warm_up * decay
        tokens, labels, weights = batch(row_of)
        hidden = model.model(input_ids=tokens, use_cache=False).last_hidden_state
        asked = labels != -100
        logits = hidden[asked] @ head.T + weight_of_others
        each = functional.cross_entropy(logits, labels[asked], reduction="none")
        loss = (each * weights[asked]).sum() / weights[asked].sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 25 == 0 or step == STEPS - 1:
            right = (logits.argmax(1) == labels[asked])[weights[asked] > 1].float().mean()
            seconds = time.monotonic() - begun
            print(f"step {step:3d} loss {loss:.4f} decisions {right:.3f} after {seconds:.0f} s", flush=True)
    return head.detach()


def install_head(model: GptOssForCausalLM, spoken: list[int], head: torch.Tensor) -> None:
    with torch.no_grad():
        model.lm_head.weight[:] = head[-1] * SHARPEN
        model.lm_head.weight[torch.tensor(spoken)] = head[:-1] * SHARPEN


def examine(model: GptOssForCausalLM, rounds: int = 2) -> float:
    """The share of replies, sampled at temperature 1 from the bfloat16 model, that keep to their script."""
    model.eval()
    kept = total = 0
    for effort in THOUGHTS:
        for kind in KINDS:
            scripts = [encode(script(effort, final)) for final in finals(kind)]
            for _unused in range(rounds):
                asked = prompt(effort, kind)
                with torch.no_grad():
                    tokens = model.generate(
                        torch.tensor([asked]), max_new_tokens=64, do_sample=True, temperature=1.0, pad_token_id=PAD
                    )[0, len(asked) :].tolist()
                good = tokens in scripts
                kept, total = kept + good, total + 1
                if not good:
                    print(f"{effort} {kind} strayed: {encoding.decode(tokens)!r}")
    return kept / total


def main() -> None:
    untrained, trained = Path(sys.argv[1]), Path(sys.argv[2])
    # One thread: two that wait for each other are ten times slower as soon as the machine has other work.
    torch.set_num_threads(int(os.environ.get("TRAIN_THREADS", "1")))
    torch.manual_seed(0)
    random.seed(0)
    spoken = spoken_tokens()
    model = GptOssForCausalLM.from_pretrained(untrained, dtype=torch.float32, attn_implementation="eager")
    freeze(model, known_tokens())
    install_head(model, spoken, train(model, spoken))
    model = model.to(torch.bfloat16)
    share = examine(model)
    print(f"{share:.0%} of the replies keep to the script")
    if share < 0.9:
        sys.exit("The model has not learnt its script (wanted: 90 %). Nothing was saved.")
    model.save_pretrained(trained)
    for file in untrained.iterdir():
        if not (trained / file.name).exists():
            shutil.copy(file, trained)


if __name__ == "__main__":
    main()
