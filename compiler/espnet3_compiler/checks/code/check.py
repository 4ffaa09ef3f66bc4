"""The checks of a recipe's Python files share what they read."""

from collections.abc import Iterator

from espnet3_compiler.checks.code.calls import check_calls
from espnet3_compiler.checks.code.circles import check_circles
from espnet3_compiler.checks.code.constructors import check_constructors
from espnet3_compiler.checks.code.early_returns import check_early_returns
from espnet3_compiler.checks.code.imports import check_imports
from espnet3_compiler.checks.code.modules import recipe_modules
from espnet3_compiler.checks.code.plain_lists import check_plain_lists
from espnet3_compiler.checks.code.shadows import check_shadows
from espnet3_compiler.checks.code.swapped_arguments import check_swapped_arguments
from espnet3_compiler.checks.code.syntax import check_syntax
from espnet3_compiler.checks.code.undefined_names import check_undefined_names
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R209, R502, R503, R504, R506, R508 to R511, R515, R516, R522 and R526."""
    modules = recipe_modules(recipe, resolved)
    yield from check_shadows(recipe.library, modules)
    yield from check_syntax(modules)
    yield from check_imports(modules)
    yield from check_circles(modules)
    yield from check_constructors(modules)
    yield from check_plain_lists(modules)
    yield from check_undefined_names(modules)
    yield from check_early_returns(modules)
    yield from check_calls(modules)
    yield from check_swapped_arguments(modules)
