"""Finds the benchmark that was named and runs it."""

import sys
from importlib import import_module
from typing import Final

BENCHES: Final = {
    "forecast": "upgrades samples of several sizes and holds their time against its forecast",
    "upgrade": "the whole upgrade against statements typed by hand, a plain rebuild and pt-online-schema-change",
    "window": "calls of the procedures beside an upgrade: the longest wait, and that none is lost",
    "summarise": "the summarising procedures against ones that replace every row",
    "check": "how long the pre-deployment check takes, and what it could not look at",
}


def main() -> int:
    """The exit code of the benchmark; 2 where there is none of that name."""
    name, *arguments = sys.argv[1:] or [""]
    if name not in BENCHES:
        print("usage: scripts/bench NAME [options]\n")
        print("\n".join(f"  {each:<10} {what}" for each, what in BENCHES.items()))
        return 0 if name in ("", "-h", "--help") else 2
    sys.argv = [f"scripts/bench {name}", *arguments]
    code: int = import_module(f"benches.{name}").main()
    return code


if __name__ == "__main__":
    sys.exit(main())
