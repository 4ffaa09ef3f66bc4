"""Workers of ``collect_stats`` and ``infer`` that Dask cannot start as the config says.

Passes: ``{env: ssh, options: {hosts: [here, there]}}``; ``{n_workers: 4}``;
``{env: slurm, options: {memory: 16GB}}``.
Fails: ``env: ssh`` without hosts, or with one, which runs the scheduler alone; ``n_workers`` again
among the ``options`` of local workers; ``{env: slurm, options: {mem: 16GB}}``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.stage_graph.stage_inputs import certain_configs
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence

_ROLES = {"collect_stats": "training", "infer": "inference"}
_OTHER_HOSTS = ("scheduler_addr", "worker_addrs")
"""How Dask named the hosts before."""
_LEAST_HOSTS = 2
_QUEUES = ("htcondor", "lsf", "moab", "oar", "pbs", "sge", "slurm")
_WORDS_OF_QUEUES = {
    "mem": "memory",
    "partition": "queue",
    "time": "walltime",
    **dict.fromkeys(("cpus", "cpus_per_task", "n_cpus"), "cores"),
}
"""Words of ``sbatch`` and the like that dask_jobqueue does not take, and its own for them."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R603 and R605 for hosts, R607 for workers told twice, R502 for words of a queue."""
    blocks = [
        config.get("parallel")
        for kind, role in _ROLES.items()
        for config in certain_configs(kind, role, recipe, resolved)
    ]
    yield from first_per_location(
        found for block in blocks if isinstance(block, Mapping) for found in _check_block(block)
    )


def _check_block(block: Mapping) -> Iterator[Diagnostic]:
    env, count, options = (block.get(name) for name in ("env", "n_workers", "options"))
    if not isinstance(env, Scalar) or not isinstance(options, Mapping):
        return
    if env.value == "ssh":
        yield from _check_hosts(env, options)
    if env.value in _QUEUES:
        yield from _check_words(env, options)
    again = options.entry("n_workers")
    several = isinstance(count, Scalar) and isinstance(count.value, int) and count.value > 1
    if again and count and several and env.value in ("local", "local_gpu"):
        yield value_finding(
            "R607",
            'the number of local workers stands twice: "parallel.n_workers" and among its options',
            again.key,
            "told again",
            related=(Label(count.span, "told here"),),
            advice=("remove it from the options",),
        )


def _check_words(env: Scalar, options: Mapping) -> Iterator[Diagnostic]:
    for entry in options:
        own = env.value == "lsf" and entry.name == "mem"  # an argument of LSFCluster, in bytes
        if entry.name in _WORDS_OF_QUEUES and not own:
            yield value_finding(
                "R502",
                f'the workers of {env.value} have no option "{entry.name}"',
                entry.key,
                "an argument of the queue's own command",
                advice=(f'did you mean "{_WORDS_OF_QUEUES[entry.name]}"?',),
            )


def _check_hosts(env: Scalar, options: Mapping) -> Iterator[Diagnostic]:
    hosts = options.get("hosts")
    if hosts is None and not any(options.entry(name) for name in _OTHER_HOSTS):
        yield value_finding(
            "R603",
            "workers by ssh need the names of their hosts",
            env,
            "on which hosts?",
            advice=("write options: {hosts: [a, b]}; the first host runs the scheduler",),
        )
    if not isinstance(hosts, Sequence) or any(map(is_unresolved, hosts.items)):
        return
    if len(hosts.items) < _LEAST_HOSTS:
        yield value_finding(
            "R605",
            "workers by ssh need at least two hosts: the first one runs the scheduler",
            hosts,
            "no worker",
            advice=("name a host again to let it run a worker too: [a, a, b]",),
        )
