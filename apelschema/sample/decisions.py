"""The policy file that goes with a sample."""

import json

from apelschema.sample.options import Sample


def policy_text(sample: Sample) -> str:
    """A policy in TOML under which an upgrade of the sample is not blocked."""
    policy = sample.policy
    lines = [
        f"# Decisions about the benchmark types in a sample of release {sample.release}, seed {sample.seed}.",
        "# keep-old: the level is divided by 250, as up to 2.2.1; released: it counts as it is.",
        f"unlisted_types = {json.dumps(policy.unlisted_types)}",
        f"backfill = {json.dumps(policy.backfill)}",
        "",
        "[types]",
        *(f"{json.dumps(name)} = {json.dumps(factor)}" for name, factor in policy.types.items()),
    ]
    return "\n".join(lines) + "\n"
