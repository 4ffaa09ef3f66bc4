"""The Gradio page of a packed demo.

``app.py`` of a demo calls :func:`make_demo` with its own directory, which holds ``demo.yaml``,
``bundle/`` and, where the recipe gives some, ``examples/`` with audio files.
"""

import html
import inspect
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from espnet3_runtime.data.audio import audio_seconds
from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.model import InferenceModel
from espnet3_runtime.value_type import ValueType
from espnet3_schemas.bundles import DEMO_BUNDLE
from espnet3_schemas.installation import install_command

Types = Mapping[str, ValueType]
SETTINGS = "demo.yaml"
LIMITS = ("max_file_mb", "max_audio_seconds", "delete_after_seconds")
_MEGABYTE = 1_000_000
_CLEAN_EVERY = 60  # seconds
_AUDIO = (".wav", ".flac", ".ogg", ".mp3")
_FONTS = ["system-ui", "sans-serif"]  # Gradio's own are fetched from the network


def make_demo(directory: Path) -> Any:
    """Return the page as ``gradio.Blocks``; start it with :func:`launch`.

    Raises:
        UserError: Gradio is not installed, or the bundle cannot be loaded.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    gradio = _import_gradio()
    settings = yaml.safe_load((directory / SETTINGS).read_text(encoding="utf-8"))
    model = InferenceModel.from_packed(
        directory / DEMO_BUNDLE,
        trust_user_code=settings["model"]["trust_user_code"],
        device=settings["model"]["device"],
    )
    make = partial(_make_component, gradio, _own_types(model))
    theme = _accepted_options(gradio.Blocks.__init__, theme=_make_theme(gradio))
    age = settings["limits"]["delete_after_seconds"]
    cache = (min(age, _CLEAN_EVERY), age)
    with gradio.Blocks(title=settings["title"], delete_cache=cache, **theme) as page:
        gradio.Markdown(f"# {settings['title']}")
        if settings["description"]:
            gradio.Markdown(settings["description"])
        with gradio.Row():
            with gradio.Column():
                inputs = [make(one, "filepath", 1) for one in settings["inputs"]]
                button = gradio.Button("Run", variant="primary")
            with gradio.Column():
                outputs = [make(one, "numpy", 3) for one in settings["outputs"]]
        handler = _make_handler(gradio, model, settings, outputs)
        button.click(handler, inputs, outputs, api_name="run")
        _add_examples(gradio, directory, settings, inputs)
    page.max_file_size = int(settings["limits"]["max_file_mb"] * _MEGABYTE)
    return page


def launch(page: Any) -> None:
    """Serve a page at GRADIO_SERVER_NAME and GRADIO_SERVER_PORT until it is stopped."""
    # Gradio 6 moved the theme from the page to its start.
    theme = _make_theme(_import_gradio())
    # Newer versions keep a history of runs, and serve how much a page is used to everybody.
    quiet = {"run_history": False, "enable_monitoring": False}
    size = getattr(page, "max_file_size", None)
    options = {"theme": theme, "ssr_mode": False, "max_file_size": size, **quiet}
    page.launch(**_accepted_options(page.launch, **options))


def _make_theme(gradio: Any) -> Any:
    return gradio.themes.Default(font=_FONTS, font_mono=["ui-monospace", "monospace"])


def _accepted_options(function: Callable[..., Any], **options: Any) -> dict[str, Any]:
    names = inspect.signature(function).parameters
    return {name: value for name, value in options.items() if name in names}


def _own_types(model: InferenceModel) -> Types:
    """Return the types of own kinds by the names of inputs and outputs."""
    contract = model.contract
    fields = (*contract.inputs, *contract.outputs) if contract else ()
    return {field.name: field.type for field in fields if field.type}


def _make_handler(
    gradio: Any, model: InferenceModel, settings: Mapping[str, Any], outputs: Sequence[Any]
) -> Callable[..., Any]:
    """Return what the button calls.

    Args:
        gradio: The module.
        model: What is run.
        settings: Those of the page.
        outputs: The components that show what it gives.
    """
    types = _own_types(model)

    def run(*values: Any) -> Any:
        try:
            longest = settings["limits"]["max_audio_seconds"]
            with model.code.active():
                sample = _read_sample(settings["inputs"], values, longest, types)
            result = model(sample, **settings["model"]["call_args"])
            with model.code.active():
                shown = [
                    _display_value(field, result.get(field["key"]), types, component)
                    for field, component in zip(settings["outputs"], outputs, strict=True)
                ]
        except UserError as error:
            quiet = _accepted_options(gradio.Error.__init__, print_exception=False)
            raise gradio.Error(_visitor_message(error.message, values), **quiet) from error
        return shown[0] if len(shown) == 1 else shown

    return run


def _visitor_message(message: str, values: Sequence[Any]) -> str:
    """Return a message as visitors may see it: files have their names, not paths of the server."""
    for value in values:
        if isinstance(value, str) and os.sep in value:
            message = message.replace(value, Path(value).name)
    return html.escape(message, quote=False)  # Gradio shows HTML


def _read_sample(
    fields: Sequence[Mapping[str, Any]], values: Sequence[Any], longest: float, types: Types
) -> dict[str, Any]:
    """Return what a visitor gave as a sample.

    Args:
        fields: The inputs of the page.
        values: What their widgets gave.
        longest: Seconds of the longest audio that is taken.
        types: Those of own kinds.
    """
    sample: dict[str, Any] = {}
    for field, value in zip(fields, values, strict=True):
        if value is not None and not (isinstance(value, str) and not value):
            sample[field["key"]] = _read_value(field, value, types)
        elif not field["optional"]:
            raise UserError(f'"{field["label"]}" is empty')
        if field["type"] == "audio" and value and (length := audio_seconds(Path(value))) > longest:
            raise UserError(
                f'"{field["label"]}" is {length:.1f} seconds long; at most {longest:g} are taken'
            )
    return sample


def _read_value(field: Mapping[str, Any], value: Any, types: Types) -> Any:
    """Return what a widget gave as the model takes it."""
    if field["type"] == "own":
        try:
            return types[field["key"]].from_widget(value)
        except ValueError as error:
            raise UserError(f'"{field["label"]}" cannot be read: {error}') from error
    if field["type"] == "audio":
        return Path(value)
    if field["type"] == "vector":
        try:
            return [float(word) for word in value.replace(",", " ").split()]
        except ValueError:
            label = field["label"]
            raise UserError(f'"{label}" is a list of numbers, for example 0.5 -1 2') from None
    return value


def _make_component(
    gradio: Any, types: Types, field: Mapping[str, Any], audio: str, lines: int
) -> Any:
    """Return the component of a field; an input and an output differ in form of audio and lines.

    Args:
        gradio: The module.
        types: Those of own kinds, which make their components.
        field: The field.
        audio: The form in which a component of audio gives or takes it.
        lines: How many lines of text are shown.
    """
    label = field["label"]
    if field["type"] == "own":
        return types[field["key"]].widget(gradio, label)
    if field["type"] == "audio":
        return gradio.Audio(type=audio, label=label)
    if field["type"] == "number":
        return gradio.Number(label=label)
    if field["type"] == "image":
        mode = "L" if field.get("channels") == 1 else "RGB"
        return gradio.Image(type="numpy", image_mode=mode, label=label)
    if field["type"] == "category" and audio == "filepath":
        return gradio.Dropdown(list(field.get("choices", ())), label=label)
    if field["type"] == "segments":
        return gradio.Dataframe(headers=["start", "end", "text"], label=label, interactive=False)
    if field["type"] == "table":
        columns = list(field.get("columns", ())) or None
        return gradio.Dataframe(headers=columns, type="pandas", label=label)
    if field["type"] == "vector":
        lines = 1
    return gradio.Textbox(label=label, lines=lines)


def _display_value(field: Mapping[str, Any], value: Any, types: Types, component: Any) -> Any:
    """Return what a component shows of an output.

    Args:
        field: The output.
        value: What the model gave; None shows nothing.
        types: Those of own kinds.
        component: The component.
    """
    if value is None:
        return None
    if field["type"] == "own":
        return _display_own(types[field["key"]], value, component)
    if field["type"] == "audio":
        wave = value.detach().cpu().numpy() if hasattr(value, "detach") else value
        return field["sample_rate"], wave.T
    if field["type"] == "array":
        return f"{value.dtype} of shape {tuple(value.shape)}"
    if field["type"] == "vector" or getattr(value, "ndim", 0) == 1:
        return " ".join(f"{number:g}" for number in value)
    if field["type"] == "table":
        columns = list(field.get("columns", ())) or list(value[0] if value else ())
        return {"headers": columns, "data": [[row[name] for name in columns] for row in value]}
    if field["type"] == "segments":
        return [[item["start"], item["end"], item["text"]] for item in value]
    if field["type"] == "text" and isinstance(value, list):
        return "\n".join(value)
    return value


def _add_examples(
    gradio: Any, directory: Path, settings: Mapping[str, Any], inputs: Sequence[Any]
) -> None:
    """Offer the audio files of ``examples/``, when audio is the only input of the model."""
    folder = directory / "examples"
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    audio = [str(file) for file in files if file.suffix.lower() in _AUDIO]
    if audio and [field["type"] for field in settings["inputs"]] == ["audio"]:
        gradio.Examples(audio, inputs=inputs[0])


def _display_own(own: ValueType, value: Any, component: Any) -> Any:
    """Return what a component shows of an own kind; Gradio deletes its files with its own ones."""
    cache = Path(component.GRADIO_CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=cache))
    try:
        return own.to_widget(value, folder)
    finally:
        component.temp_files.update(str(one) for one in folder.rglob("*") if one.is_file())


def _import_gradio() -> Any:
    try:
        import gradio
    except ModuleNotFoundError:
        raise UserError(
            'the demo needs the package "gradio", which is not installed',
            hint=install_command("demo"),
        ) from None
    return gradio
