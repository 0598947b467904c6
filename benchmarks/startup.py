"""What the program costs before it does anything."""

from __future__ import annotations

from benchmarks.harness import TOP, Result, Settings, at_most, python, seconds_of, side_by_side

LIMIT = 1.5
PLAYBOOK, CONFIG = "playbooks/albus.yaml", "configs/demo.yaml"


def help_page(settings: Settings) -> tuple[Result, ...]:
    """Beside the smallest program that has the same library."""
    bare = str(TOP / "benchmarks" / "bare_typer.py")
    series = side_by_side(
        settings.repetitions * 2,
        {
            "albus-dr --help": lambda: seconds_of(python("-m", "albus_dr", "--help")),
            "a bare Typer program": lambda: seconds_of(python(bare, "--help")),
        },
        warm_up=True,
    )
    return (Result("help", series, *at_most(series[0], series[1], LIMIT)),)


def validate(settings: Settings) -> tuple[Result, ...]:
    """Beside importing what it is built from and parsing the same two files with it."""
    code = (
        "import sys, typer, pydantic, yaml\n"
        "class Anything(pydantic.BaseModel): version: int\n"
        "for name in sys.argv[1:]: Anything.model_validate(yaml.load(open(name), yaml.CSafeLoader))\n"
    )
    series = side_by_side(
        settings.repetitions * 2,
        {
            "albus-dr validate": lambda: seconds_of(python("-m", "albus_dr", "validate", "-q", PLAYBOOK)),
            "imports and parsing alone": lambda: seconds_of(python("-c", code, PLAYBOOK, CONFIG)),
        },
        warm_up=True,
    )
    return (Result("validate", series, *at_most(series[0], series[1], LIMIT)),)
