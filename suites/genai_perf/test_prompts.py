"""The prompts that GenAI-Perf makes up."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from triton_claims.endpoints.tokenizer_folders import count_tokens, token_ids
from triton_claims.errors import BrokenError

#: The lengths that are asked for, in tokens, and how many prompts of each.
LENGTHS = (1, 20, 300)
PROMPTS = 20
#: Pools that are asked for: how many prefixes, each how long, in tokens; and how many prompts.
POOLS = ((3, 40, 30), (5, 20, 50))
#: The space between prefix and prompt may be a token of its own, or part of the one behind it.
JOINT = 1


@pytest.mark.claim("genai-perf-exact-input-length")
@pytest.mark.tool("genai-perf")
def test_prompts_are_exact_for_byte_level_tokenizers(tool, tokenizer, profile, evidence):
    """With a byte-level tokenizer, a synthetic prompt of GenAI-Perf has exactly the number of
    tokens that was asked for.
    """
    prompts_must_be_exact("byte-level", tool, tokenizer, profile, evidence)


@pytest.mark.claim("genai-perf-exact-input-length-metaspace")
@pytest.mark.tool("genai-perf")
def test_prompts_are_exact_for_metaspace_tokenizers(tool, tokenizer, profile, evidence):
    """With a tokenizer that marks the beginnings of words, as SentencePiece does, a synthetic
    prompt of GenAI-Perf has exactly the number of tokens that was asked for.
    """
    prompts_must_be_exact("metaspace", tool, tokenizer, profile, evidence)


@pytest.mark.claim("genai-perf-prefix-pool")
@pytest.mark.tool("genai-perf")
def test_prompts_begin_with_prefixes_of_a_pool(tool, tokenizer, profile, evidence):
    """GenAI-Perf draws the beginnings of its prompts from a pool with as many prefixes, each as
    long, as was asked for.
    """
    found = {}
    for prefixes, length, prompts in POOLS:
        options = ("--num-prefix-prompts", f"{prefixes}", "--prefix-prompt-length", f"{length}")
        with evidence.step(f"ask for {prefixes} prefixes of {length} tokens"):
            run = profile(*options, tokens=50, prompts=prompts, requests=prompts)
        assert not run.refusal, run.refusal
        found[prefixes, length] = beginnings(
            token_ids(tool.python_path, tokenizer("byte-level"), run.prompts), length - JOINT
        )
    with evidence.step("control: without a pool hardly any two prompts begin alike"):
        run = profile(prompts=PROMPTS, requests=PROMPTS, tokens=50)
        ids = token_ids(tool.python_path, tokenizer("byte-level"), run.prompts)
        if (alone := len(beginnings(ids, 10))) < PROMPTS / 2:
            raise BrokenError(
                f"the check's control failed: {alone} beginnings of {PROMPTS} prompts"
            )
    evidence.show(
        "beginnings that prompts share: tokens, prompts",
        "\n".join(f"{asked}: {sorted(shared)}" for asked, shared in found.items()),
    )

    for (prefixes, length), shared in found.items():
        assert len(shared) == prefixes, f"{len(shared)} beginnings, {prefixes} were asked for"
        wrong = [tokens for tokens, _ in shared if abs(tokens - length) > JOINT]
        assert not wrong, f"beginnings of {wrong} tokens, {length} were asked for"


def prompts_must_be_exact(kind, tool, tokenizer, profile, evidence):
    """Asks for prompts of several lengths, and counts the tokens of those that arrive."""
    found = {}
    for tokens in LENGTHS:
        with evidence.step(f"ask for prompts of {tokens} tokens"):
            run = profile(kind=kind, tokens=tokens, prompts=PROMPTS, requests=PROMPTS)
        found[tokens] = run.prompts
    texts = [text for prompts in found.values() for text in prompts]
    longer = [f"{text} and more" for text in texts]
    counts = count_tokens(tool.python_path, tokenizer(kind), [*texts, *longer])
    with evidence.step("control: longer texts are counted as longer"):
        if not all(more > less for less, more in zip(counts, counts[len(texts) :], strict=False)):
            raise BrokenError("the check's control failed: a longer text has no more tokens")
    asked = [tokens for tokens, prompts in found.items() for _ in prompts]
    beyond = Counter(count - tokens for tokens, count in zip(asked, counts, strict=False))
    evidence.show(
        f"tokens beyond those asked for ({', '.join(map(str, LENGTHS))}): prompts",
        "\n".join(f"{more:+d}: {number}" for more, number in sorted(beyond.items())),
    )
    evidence.measure("prompts with exactly as many tokens", beyond[0] / len(texts), "of all")

    assert set(beyond) == {0}, (
        f"{len(texts) - beyond[0]} of {len(texts)} prompts have {min(beyond):+d} to "
        f"{max(beyond):+d} tokens beyond what was asked for"
    )


def beginnings(prompts, tokens):
    """How long the beginnings are that prompts share, in tokens, and how many share each.

    Args:
        prompts: The tokens of each prompt.
        tokens: So many of the first ones tell beginnings apart.
    """
    alike = defaultdict(list)
    for ids in prompts:
        alike[tuple(ids[:tokens])].append(ids)
    return [(common_length(those), len(those)) for those in alike.values()]


def common_length(prompts):
    """How many of their first tokens are the same in all of them."""
    return next(
        (place for place, ids in enumerate(zip(*prompts, strict=False)) if len(set(ids)) > 1),
        min(map(len, prompts)),
    )
