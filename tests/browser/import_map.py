"""Where a browser finds the modules of installed packages, without a bundler and without changing them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

NODE_MODULES = Path(__file__).resolve().parents[1] / "conformance" / "node_modules"
CONDITIONS = ("browser", "import", "default")
IMPORT = re.compile(r"""(?:^|[;\s}])(?:import|export)\s*(?:[\w*${},\s]*?\bfrom\s*)?["']([^"'\n]+)["']""")


class NotExported(LookupError):
    """The package does not offer this module."""


def import_map(*entries: str, prefix: str) -> dict[str, Any]:
    """An import map for ``entries`` and all that they import; ``prefix`` is the address of the packages."""
    waiting, seen = [resolve(entry) for entry in entries], set[Path]()
    imports = {entry: address(module, prefix) for entry, module in zip(entries, waiting, strict=True)}
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        for specifier in IMPORT.findall(module.read_text()):
            if specifier.startswith("."):
                waiting.append((module.parent / specifier).resolve())
            else:
                waiting.append(resolve(specifier))
                imports[specifier] = address(waiting[-1], prefix)
    return {"imports": imports}


def resolve(specifier: str) -> Path:
    """The file of ``package``, ``package/part`` or ``@scope/package/part``."""
    parts = specifier.split("/")
    length = 2 if specifier.startswith("@") else 1
    folder = NODE_MODULES.joinpath(*parts[:length])
    about = json.loads((folder / "package.json").read_text())
    exports = about.get("exports", about.get("module", about.get("main")))
    if isinstance(exports, str) or not any(key.startswith(".") for key in exports):
        exports = {".": exports}
    wanted = "/".join([".", *parts[length:]])
    for pattern, target in exports.items():
        before, star, after = pattern.partition("*")
        if pattern != wanted and not (star and wanted.startswith(before) and wanted.endswith(after)):
            continue
        chosen = choose(target)
        if chosen:
            middle = wanted[len(before) : len(wanted) - len(after)] if star else ""
            return folder / chosen.replace("*", middle)
    raise NotExported(specifier)


def choose(target: Any) -> str | None:
    """The path under the first condition that a browser fulfils."""
    if isinstance(target, dict):
        fitting = (choose(value) for condition, value in target.items() if condition in CONDITIONS)
        return next(filter(None, fitting), None)
    return target if isinstance(target, str) else None


def address(module: Path, prefix: str) -> str:
    return prefix + module.relative_to(NODE_MODULES).as_posix()
