"""What tasks have in common: a parser, and building from files without looking at the weights."""

import argparse
from pathlib import Path

import torch
import yaml


class AbsTask:
    num_optimizers = 1
    class_choices_list = ()

    @classmethod
    def get_parser(cls):
        parser = argparse.ArgumentParser(description="base parser")
        parser.set_defaults(required=["output_dir"])
        parser.add_argument("--config")
        parser.add_argument("--print_config", action="store_true")
        parser.add_argument("--ngpu", type=int, default=0)
        parser.add_argument("--output_dir")
        parser.add_argument("--max_epoch", type=int, default=40)
        parser.add_argument("--freeze_param", type=str, default=[], nargs="*")
        cls.add_task_arguments(parser)
        return parser

    @classmethod
    def exclude_opts(cls):
        return "required", "print_config", "config", "ngpu"

    @classmethod
    def build_model_from_file(cls, config_file=None, model_file=None, device="cpu"):
        args = argparse.Namespace(**yaml.safe_load(Path(config_file).read_text()))
        model = cls.build_model(args).to(device)
        if model_file is not None:
            state = torch.load(model_file, map_location=device, weights_only=False)
            model.load_state_dict(state, strict=False)  # as ESPnet2 does
        return model, args
