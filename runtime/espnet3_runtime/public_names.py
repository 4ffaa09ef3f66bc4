"""The names that recipes may import: what is not listed here may move or change without notice.

``docs/reference/python.md`` is made from this list (``python docs/build_reference.py``), and
``tests/runtime/test_public_names.py`` holds it: every name is there and has a docstring, and the
shipped recipes, templates, generated code and documentation use no other name of this package.
"""

from collections.abc import Mapping

PUBLIC: Mapping[str, Mapping[str, str]] = {
    "espnet3_runtime.systems.base": {
        "BaseSystem": "Parent of a recipe's own System: the stages of any PyTorch recipe.",
    },
    "espnet3_runtime.systems.asr": {
        "ASRSystem": "The same with `train_tokenizer`; the parent for speech recognition.",
    },
    "espnet3_runtime.systems.enh": {
        "EnhancementSystem": "The same with defaults; the parent for enhancement and separation.",
    },
    "espnet3_runtime.systems.cls": {
        "ClassificationSystem": "The same with `prepare_labels`; the parent for classifiers.",
    },
    "espnet3_runtime.systems.tts": {
        "TTSSystem": "The same with `prepare_tokens`; the parent for speech synthesis.",
    },
    "espnet3_runtime.systems.ssl": {
        "SSLSystem": "The same as ASR with `cluster`; the parent for self-supervised learning.",
    },
    "espnet3_runtime.system": {
        "System": "The root of all Systems, without any stage kind.",
    },
    "espnet3_runtime.stage": {
        "StageContext": "The argument of a stage or a `call` function: configs, paths, log, seed.",
        "Outputs": "What a stage returns: the path of each output, by name.",
        "StageSpec": "One line of a System's stage table; generated systems consist of them.",
    },
    "espnet3_runtime.value_type": {
        "ValueType": "Parent of a kind of inputs and outputs of your own, `kind: own`.",
    },
    "espnet3_runtime.config": {
        "ConfigView": "A config that nobody can change, with its key path for messages.",
    },
    "espnet3_runtime.errors": {
        "UserError": "A mistake in recipe, data or environment; printed without a traceback.",
        "Stopped": "Raised by a stage that saved its state because it was asked to stop.",
    },
    "espnet3_runtime.atomic": {
        "write_text": "Write a UTF-8 text file, complete or not at all.",
        "write_bytes": "Write a binary file, complete or not at all.",
        "write_json": "Write a JSON file, complete or not at all.",
        "atomic_file": "Open a file that takes its name only when it was written to the end.",
        "atomic_path": "The same for a library that writes a file under a given name.",
        "atomic_directory": "The same for a directory.",
        "remove_leftovers": "Remove temporary files of the above that a killed process left.",
    },
    "espnet3_runtime.data.table": {
        "Table": "A tab-separated manifest, read row by row in little memory.",
    },
    "espnet3_runtime.data.preprocess": {
        "LabelToIndex": "Preprocessor: the label of a sample becomes its index.",
        "read_labels": "The labels that `prepare_labels` wrote, in the order of their indices.",
        "TextToSymbols": "Preprocessor: symbols, or words of a lexicon, become indices.",
        "FrameLabels": "Preprocessor: a sample gets the labels that `cluster` gave its frames.",
        "TextToTokens": "Preprocessor: the text of a sample becomes token ids.",
    },
    "espnet3_runtime.data.tokens": {
        "Tokenizer": "A SentencePiece model with the ids of `tokens.txt`.",
    },
    "espnet3_runtime.data.collate": {
        "CommonCollateFn": "Pad samples and stack them to a batch with lengths.",
    },
    "espnet3_runtime.training.schedulers": {
        "warmup": "Scheduler: linear rise, then the inverse square root of the step.",
        "warmup_cosine": "Scheduler: linear rise, then half a cosine.",
        "warmup_linear": "Scheduler: linear rise, then linear fall.",
    },
    "espnet3_runtime.inference.provider": {
        "from_checkpoint": "Build a model and load a checkpoint; the default `provider`.",
    },
    "espnet3_runtime.inference.runner": {
        "CallModel": "Call a model with one sample after another; what runs without a `runner`.",
    },
    "espnet3_runtime.inference.forward_runner": {
        "ForwardRunner": "Runner: an `output_fn` or a runner class written for ESPnet3.",
        "ListItems": "The collate function beside it: samples as they are.",
    },
    "espnet3_runtime.inference.scp": {
        "read_scp": "Read an SCP file, for example what `infer` wrote.",
        "format_scp": "Return the text of an SCP file.",
    },
    "espnet3_runtime.metrics.item_scores": {
        "ItemScores": "What a metric gets as `item_scores`, for what it says of single items.",
    },
    "espnet3_runtime.metrics.wer": {"WER": "Metric: word error rate in %."},
    "espnet3_runtime.metrics.cer": {"CER": "Metric: character error rate in %."},
    "espnet3_runtime.metrics.ter": {"TER": "Metric: token error rate in %."},
    "espnet3_runtime.metrics.accuracy": {"Accuracy": "Metric: share of equal items in %."},
    "espnet3_runtime.metrics.scp_metric": {"ScpMetric": "Metric: a class written for ESPnet3."},
    "espnet3_runtime.metrics.bleu": {"BLEU": "Metric: BLEU in %, by sacrebleu."},
    "espnet3_runtime.metrics.der": {"DER": "Metric: diarization error rate in %, by simpleder."},
    "espnet3_runtime.metrics.eer": {"EER": "Metric: equal error rate in %, and minDCF."},
    "espnet3_runtime.metrics.si_sdr": {
        "SISDR": "Metric: scale-invariant signal-to-distortion ratio in dB.",
        "SISDRImprovement": "Metric: how far enhancement raises it, in dB.",
    },
    "espnet3_runtime.metrics.mcd": {"MCD": "Metric: mel-cepstral distortion in dB."},
    "espnet3_runtime.metrics.stoi": {"STOI": "Metric: intelligibility, by pystoi."},
    "espnet3_runtime.metrics.versa": {"VERSA": "Metric: scorers of an installed VERSA."},
    "espnet3_runtime.task_bridge.decode": {
        "speech2text": "Provider: ESPnet2's `Speech2Text` for a model that a `task` built.",
        "BestHypothesis": "Runner for it: text, tokens and score of the best hypothesis.",
    },
    "espnet3_runtime.publication.model": {
        "InferenceModel": "A packed model: load a bundle anywhere, call it with audio.",
    },
    "espnet3_runtime.publication.transcribe": {
        "main": "The command `python -m espnet3_runtime.publication.transcribe BUNDLE FILE…`.",
    },
    "espnet3_runtime.compare.__main__": {
        "main": "The command `python -m espnet3_runtime.compare exp`.",
    },
    "espnet3_runtime.publication.demo": {
        "make_demo": "The page of a packed demo; `app.py` calls it.",
        "launch": "Serve that page.",
    },
    "espnet3_runtime.launch": {
        "launch": "Run the stages that a command line asks for; `run.py` calls it.",
        "hold_code": "From now on read and import each file of code once; `run.py` calls it.",
        "only_looks": "Whether a command line leaves no trace; `run.py` asks it.",
    },
}
"""By module: each public name and what it is for."""
