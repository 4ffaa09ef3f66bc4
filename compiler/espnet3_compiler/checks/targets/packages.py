"""Packages that a recipe may name although they are not installed where it is checked."""

import sys

# fmt: off
OPTIONAL_PACKAGES = (
    "accelerate", "apex", "asteroid", "audiomentations", "bitsandbytes", "conformer", "datasets",
    "deepspeed", "diffusers", "einops", "encodec", "espnet", "espnet2", "espnet3",
    "espnet3_runtime", "espnet_model_zoo", "espnetez", "evaluate", "fairscale", "fairseq",
    "fairseq2", "faster_whisper", "flash_attn", "funasr", "g2p_en", "gradio", "h5py",
    "huggingface_hub", "humanfriendly", "hydra", "jiwer", "julius", "k2", "kaldi_native_fbank",
    "kaldiio", "keras", "kornia", "lhotse", "librosa", "lightning", "lightning_fabric", "loralib",
    "mamba_ssm", "matplotlib", "mlflow", "monai", "muon", "nemo", "neptune", "nltk", "numba",
    "numpy", "omegaconf", "onnx", "onnxruntime", "open_clip", "optuna", "pandas", "peft",
    "pesq", "phonemizer", "PIL", "pyannote", "pyroomacoustics", "pystoi", "pytorch_lightning",
    "pyworld", "ray", "s3prl", "sacrebleu", "safetensors", "schedulefree", "scipy",
    "sentence_transformers", "sentencepiece", "silero_vad", "simpleder", "sklearn", "soundfile",
    "speechbrain", "tensorboard",
    "tensorboardX", "tensorflow", "timm", "tokenizers", "torch", "torch_complex", "torch_optimizer",
    "torchaudio", "torchcodec", "torchcrepe", "torchdata", "torcheval", "torchmetrics", "torchtext",
    "torchvision", "tqdm", "transformer_engine", "transformers", "triton", "trl", "typeguard",
    "vector_quantize_pytorch", "versa", "vocos", "wandb", "warp_rnnt", "warprnnt_pytorch",
    "webdataset", "whisper", "whisperx", "xformers",
)
# fmt: on


def is_optional(name: str) -> bool:
    """Return whether a package is known, so that its absence here is no mistake of the recipe."""
    return name in OPTIONAL_PACKAGES or name in sys.stdlib_module_names
