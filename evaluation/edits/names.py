"""Stages of ``digits/asr``, alone and as they follow from one another, and its files."""

DATA = "create_dataset"

TOKENS, STATS, TRAIN, INFER, MEASURE = (
    "train_tokenizer",
    "collect_stats",
    "train",
    "infer",
    "measure",
)

PACK, UPLOAD, DEMO, SPACE = "pack_model", "upload_model", "pack_demo", "upload_demo"

MODEL = f"{TRAIN} {INFER} {PACK}"

FEATURES = f"{STATS} {MODEL}"

READERS = f"{TOKENS} {STATS} {TRAIN} {INFER} {MEASURE} {PACK}"

EVERY = f"{DATA} {READERS} {UPLOAD} {DEMO} {SPACE}"

TRAINING, INFERENCE, METRICS = "conf/training.yaml", "conf/inference.yaml", "conf/metrics.yaml"
