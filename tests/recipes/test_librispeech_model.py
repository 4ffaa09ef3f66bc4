"""librispeech_100/asr: its model and its search, compared with definitions on tiny sizes."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.recipes.recipe_runs import module

NAME = "librispeech_100/asr"
conformer = module(NAME, "src.conformer")
decoder_module = module(NAME, "src.decoder")
layers = module(NAME, "src.layers")
prefix = module(NAME, "src.prefix")
decode = module(NAME, "src.decode")
V = 5  # blank, three tokens, end


@pytest.fixture(autouse=True)
def _repeatable() -> Iterator[None]:
    torch.manual_seed(3)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_encoder(**more: int) -> nn.Module:
    sizes = {"input_size": 8, "size": 8, "heads": 2, "inner_size": 16, "kernel_size": 3}
    return conformer.ConformerEncoder(**{**sizes, "num_blocks": 2, **more})


def make_decoder() -> nn.Module:
    return decoder_module.TransformerDecoder(V, size=8, heads=2, inner_size=16, num_layers=2)


def make_model(tmp_path: Path) -> nn.Module:
    stats = tmp_path / "stats.npz"
    np.savez(stats, count=[100], sum=np.zeros(8), sum_square=np.full(8, 100.0))
    frontend = module(NAME, "src.features").LogMel(n_mels=8)
    augment = module(NAME, "src.augment").SpecAugment(freq_width=2)
    model = module(NAME, "src.model").HybridASR(
        frontend, str(stats), make_encoder(), make_decoder(), V, augment
    )
    for parameter in model.parameters():  # biases of zero would hide mistakes
        if parameter.dim() < 3:
            nn.init.normal_(parameter, std=0.3)
    return model


def test_attention_uses_the_distance_of_two_frames():
    attention = conformer.RelativeAttention(8, 2, 0.0)
    nn.init.normal_(attention.content_bias)
    nn.init.normal_(attention.position_bias)
    frames, there = 5, 4
    hidden = torch.randn(1, frames, 8)
    distances = torch.arange(frames - 1, -frames, -1)
    positions = layers.sinusoids(distances, 8)
    got = attention(hidden, positions, torch.arange(frames)[None] < there)

    query, key, value = attention.query_key_value(hidden[0]).chunk(3, -1)
    encoded = dict(zip(distances.tolist(), attention.position(positions), strict=True))
    rows = []
    for i in range(frames):
        heads = []
        for h in range(2):
            part = slice(4 * h, 4 * h + 4)
            scores = torch.stack(
                [
                    (query[i, part] + attention.content_bias[h, 0]) @ key[j, part]
                    + (query[i, part] + attention.position_bias[h, 0]) @ encoded[i - j][part]
                    for j in range(there)
                ]
            )
            heads.append((scores / 2).softmax(0) @ value[:there, part])
        rows.append(torch.cat(heads))
    assert torch.allclose(got[0], attention.output(torch.stack(rows)), atol=1e-5)


def test_an_utterance_is_encoded_the_same_whatever_it_shares_a_batch_with():
    encoder = make_encoder().eval()
    for lengths in ([21, 9], [22, 10], [23, 11], [24, 12]):
        feats = torch.randn(2, lengths[0], 8)
        together, sizes = encoder(feats, torch.tensor(lengths))
        alone, size = encoder(feats[1:, : lengths[1]], torch.tensor(lengths[1:]))
        assert sizes.tolist() == [math.ceil(math.ceil(n / 2) / 2) for n in lengths]
        assert torch.allclose(together[1, : size[0]], alone[0], atol=1e-5)


def test_token_by_token_is_the_same_as_all_at_once_and_looks_at_the_past_only():
    decoder = make_decoder().eval()
    tokens, encoded = torch.tensor([[4, 1, 2, 3]]), torch.randn(1, 6, 8)
    whole = decoder(tokens, encoded, torch.ones(1, 6, dtype=torch.bool)).log_softmax(-1)
    changed = decoder(torch.tensor([[4, 1, 3, 3]]), encoded, torch.ones(1, 6, dtype=torch.bool))
    assert torch.allclose(changed.log_softmax(-1)[:, :2], whole[:, :2], atol=1e-6)
    assert not torch.allclose(changed.log_softmax(-1)[:, 2], whole[:, 2], atol=1e-3)
    state = decoder.start(encoded)
    for index in range(4):
        scores, state = decoder.step(tokens[:, index].expand(3), state)
        state = state.choose(torch.tensor([2, 0, 1]))
        assert torch.allclose(scores, whole[:, index].expand(3, -1), atol=1e-5)


def paths(log_probs: np.ndarray) -> dict[tuple[int, ...], float]:
    """Return the probability of every transcript, by adding up every path of CTC."""
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        tokens = tuple(token for token, _ in itertools.groupby(path) if token != 0)
        probability = math.exp(sum(log_probs[t, token] for t, token in enumerate(path)))
        found[tokens] = found.get(tokens, 0.0) + probability
    return found


def test_prefix_scores_are_sums_over_all_transcripts_that_begin_so():
    log_probs = torch.randn(5, 4).mul(2).log_softmax(-1)
    known = paths(log_probs.double().numpy())
    scorer = prefix.PrefixScorer(log_probs)
    candidates = torch.tensor([[1, 2, 3]])
    for tokens in [(), (1,), (1, 1), (2, 3), (1, 2, 1), (3, 3, 3)]:
        state = scorer.start()
        for token in tokens:
            extended = scorer.extend(state, candidates)
            state = state.choose(torch.tensor([0]), torch.tensor([token - 1]), extended)
        assert math.exp(scorer.ends(state)) == pytest.approx(known.get(tokens, 0.0), rel=1e-6)
        scores = scorer.extend(state, candidates).score[0]
        for token, score in zip((1, 2, 3), scores.tolist(), strict=True):
            begins = (*tokens, token)
            total = sum(p for text, p in known.items() if text[: len(begins)] == begins)
            assert math.exp(score) == pytest.approx(total, rel=1e-6, abs=1e-12)


def test_a_long_utterance_keeps_its_digits():
    log_probs = torch.randn(1500, 4).mul(10).log_softmax(-1)
    text = [1, 2, 2, 3] * 5
    scorer = prefix.PrefixScorer(log_probs)
    state = scorer.start()
    for token in text:
        extended = scorer.extend(state, torch.tensor([[1, 2, 3]]))
        state = state.choose(torch.tensor([0]), torch.tensor([token - 1]), extended)
    loss = nn.functional.ctc_loss(
        log_probs.double()[:, None], torch.tensor([text]), (1500,), (len(text),), reduction="sum"
    )
    assert -float(scorer.ends(state)[0]) == pytest.approx(float(loss), rel=1e-9)


@pytest.mark.parametrize(("ctc_weight", "bonus"), [(0.0, 0.0), (0.3, 0.0), (1.0, 0.0), (0.3, 0.5)])
@torch.no_grad()
def test_a_wide_search_finds_the_best_of_all(tmp_path: Path, ctc_weight: float, bonus: float):
    model = make_model(tmp_path).eval()
    searcher = object.__new__(decode.JointSearch)
    searcher.beam_size, searcher.ctc_weight = 1000, ctc_weight
    searcher.length_bonus, searcher.longest = bonus, 1.0
    for _ in range(3):
        encoded = torch.randn(1, 3, 8) * 2
        got, score = searcher.search(model, encoded)
        known = paths(model.ctc_scores(encoded)[0].detach().double().numpy())
        best = max(
            (joint(model, encoded, text, known, ctc_weight) + bonus * len(text), text)
            for length in range(4)
            for text in itertools.product((1, 2, 3), repeat=length)
        )
        assert (tuple(got), score) == (best[1], pytest.approx(best[0], rel=1e-5))


def joint(
    model: nn.Module, encoded: torch.Tensor, text: tuple, known: dict, weight: float
) -> float:
    tokens = torch.tensor([[4, *text]])
    mask = torch.ones(1, encoded.shape[1], dtype=torch.bool)
    scores = model.decoder(tokens, encoded, mask).log_softmax(-1)[0]
    attention = sum(float(scores[i, token]) for i, token in enumerate((*text, 4)))
    ctc = math.log(known[text]) if known.get(text) else -1e30
    return (1 - weight) * attention + (weight * ctc if weight else 0.0)


def batch() -> dict[str, torch.Tensor]:
    text = torch.tensor([[1, 2, 3], [2, -1, -1]])
    time = torch.arange(6000) / 16_000
    speech = torch.stack([torch.sin(2 * torch.pi * pitch * time) for pitch in (440, 3000)])
    speech[1, 3000:] = 0.0
    return {
        "speech": speech,
        "speech_lengths": torch.tensor([6000, 3000]),
        "text": text,
        "text_lengths": torch.tensor([3, 1]),
    }


@torch.no_grad()
def test_the_loss_is_ctc_and_cross_entropy_of_each_utterance(tmp_path: Path):
    model = make_model(tmp_path).eval()
    model.label_smoothing = 0.0
    fields = batch()
    loss, stats, weight = model(**fields)
    by_hand = {"loss_ctc": 0.0, "loss_att": 0.0}
    for row, text in enumerate(([1, 2, 3], [2])):
        size = int(fields["speech_lengths"][row])
        encoded, lengths = model.encode(
            fields["speech"][row : row + 1, :size], torch.tensor([size])
        )
        log_probs = model.ctc_scores(encoded).transpose(0, 1)
        sizes = (tuple(lengths.tolist()), (len(text),))
        ctc = nn.functional.ctc_loss(log_probs, torch.tensor([text]), *sizes, reduction="sum")
        mask = torch.ones(1, encoded.shape[1], dtype=torch.bool)
        scores = model.decoder(torch.tensor([[4, *text]]), encoded, mask).log_softmax(-1)[0]
        by_hand["loss_ctc"] += float(ctc.detach()) / 2
        by_hand["loss_att"] -= sum(float(scores[i, t]) for i, t in enumerate([*text, 4])) / 2
    assert float(stats["loss_ctc"]) == pytest.approx(by_hand["loss_ctc"], rel=1e-4)
    assert float(stats["loss_att"]) == pytest.approx(by_hand["loss_att"], rel=1e-4)
    assert float(loss) == pytest.approx(0.3 * by_hand["loss_ctc"] + 0.7 * by_hand["loss_att"])
    assert int(weight) == 2


def test_it_learns_a_batch_by_heart_and_then_finds_it(tmp_path: Path):
    model = make_model(tmp_path).eval()  # without dropout, so that few steps do
    fields = batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        model(**fields)[0].backward()
        optimizer.step()
    searcher = object.__new__(decode.JointSearch)
    searcher.beam_size, searcher.ctc_weight = 3, 0.3
    searcher.length_bonus, searcher.longest = 0.0, 1.0
    with torch.no_grad():
        encoded, lengths = model.encode(fields["speech"], fields["speech_lengths"])
        found = [
            searcher.search(model, item[None, :length])[0]
            for item, length in zip(encoded, lengths.tolist(), strict=True)
        ]
    assert found == [[1, 2, 3], [2]]


@torch.no_grad()
def test_half_precision_keeps_features_and_losses_whole(tmp_path: Path):
    model = make_model(tmp_path).eval()
    fields = batch()
    whole = model(**fields)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half, stats, _ = model(**fields)
    assert half.dtype == torch.float32
    assert float(half) == pytest.approx(float(whole), rel=0.05)
    assert all(value.dtype == torch.float32 for value in stats.values())


def test_augmentation_masks_within_its_limits_in_training_only():
    augment = module(NAME, "src.augment").SpecAugment(2, 3, 2, 0.25)
    feats, lengths = torch.ones(64, 40, 10), torch.tensor([40, 20] * 32)
    masked = augment(feats, lengths) == 0
    bands, frames = masked.all(1).sum(1), masked.all(2).sum(1)
    assert 0 < int(bands.max()) <= 6
    assert 0 < int(frames[::2].max()) <= 20
    assert 0 < int(frames[1::2].max()) <= 10
    assert not masked[1::2, 20:].all(2).any()  # stretches of time lie within the utterance
    assert torch.equal(augment.eval()(feats, lengths), feats)


def test_the_rate_rises_to_the_optimizers_and_falls_with_the_root():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = module(NAME, "src.schedule").WarmupLR(optimizer, warmup_steps=4)
    rates = []
    for _ in range(16):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert rates[:4] == pytest.approx([0.125, 0.25, 0.375, 0.5])
    assert rates[15] == pytest.approx(0.25)


@pytest.mark.parametrize("speed", [0.9, 1.1, 1.05])
def test_speed_changes_pitch_and_length(speed: float):
    change = module(NAME, "dataset.speed")
    tone = np.sin(2 * np.pi * 440 * np.arange(16_001) / 16_000).astype(np.float32)
    got = change.change_speed(tone, speed)
    assert got.dtype == np.float32
    assert len(got) == change.changed_length(16_001, speed) == math.ceil(16_001 / speed)
    want = np.sin(2 * np.pi * 440 * speed * np.arange(len(got)) / 16_000)
    assert np.abs(got - want)[200:-200].max() < 1e-3


def test_faster_speech_does_not_fold_back():
    change = module(NAME, "dataset.speed")
    tone = np.sin(2 * np.pi * 7800 * np.arange(16_000) / 16_000).astype(np.float32)
    assert np.abs(change.change_speed(tone, 1.1))[200:-200].max() < 0.05
    assert change.change_speed(tone, 1.0) is tone
