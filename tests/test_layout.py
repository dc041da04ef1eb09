"""The house keeps its order: what import-linter and ruff cannot see, these tests do."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "hdscan"
MODULES = {str(path.relative_to(SOURCE)): path for path in sorted(SOURCE.rglob("*.py"))}
PURE = ("model", "chains", "wire", "keys", "pool")  # pool but for its one driver
IMPURE_MODULES = {"asyncio", "aiohttp", "logging", "random", "secrets", "socket", "structlog", "time"}
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}

LATE = {  # the imports within functions, so that a command starts without what it does not use
    "__init__.py": {"hdscan.app.wallet"},  # `import hdscan` costs nothing
    "app/fleet.py": {"hdscan.keys.address"},  # wallycore: only [[canary]] rows need it
    "app/wallet.py": {  # scanner, protocols and wallycore: reading needs none of them
        "hdscan.app.explain",
        "hdscan.app.fleet",
        "hdscan.app.planning",
        "hdscan.app.scanning",
        "hdscan.scan.progress",
    },
    "app/wallets.py": {"hdscan.app.adding", "hdscan.keys.address", "hdscan.keys.export"},  # wallycore, as above
    "cli/__init__.py": {"hdscan.app", "hdscan.cli.log", "hdscan.cli.text"},  # to report an error; --help has none
    "cli/demo.py": {"hdscan.cli.serve"},  # the web server: --serve alone
    "cli/stdout.py": {"hdscan.app.spreadsheet"},  # --csv alone; --help writes without the database
    "cli/tokens.py": {"hdscan.app.token_proof", "hdscan.cli.follow"},  # the network: `tokens add` alone
    "provider/dial.py": {"hdscan.provider.tunnel"},  # the libraries of proxies: only where there is one
    "provider/transport.py": {"hdscan.provider.tunnel"},
    "store/migrate.py": {"alembic", "alembic.config"},  # only a database to create or migrate needs it
    "store/sqlite.py": {"filelock"},  # only a writer needs it
    "wire/solana.py": {"solders.pubkey", "solders.token.associated"},  # 20 ms; a list of providers needs none of it
}


def imports(tree: ast.AST) -> list[str]:
    """Every module that is imported anywhere within."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
    return found


@pytest.mark.parametrize("name", MODULES)
def test_module_is_in_order(name: str) -> None:
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    docstring = ast.get_docstring(tree)
    assert docstring, "its first line says its one job"
    assert not EMPTY_NAMES & set(Path(name).with_suffix("").parts), "names say what is inside"
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {name for function in functions for name in imports(function)}
    assert inside == LATE.get(name, set()), "imports stand at the top, but for those of LATE"
    assert "TYPE_CHECKING" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("name", [name for name in MODULES if name.split("/")[0] in PURE and name != "pool/driver.py"])
def test_pure_code_has_no_clock_chance_log_or_socket(name: str) -> None:
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    assert not IMPURE_MODULES & {module.split(".")[0] for module in imports(tree)}


@pytest.mark.parametrize(
    "folder", sorted(path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__")
)
def test_every_folder_has_a_docstring_of_its_own(folder: str) -> None:
    assert f"{folder}/__init__.py" in MODULES


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_locks_pin_and_hash_everything_and_name_no_index(lock: str) -> None:
    text = (SOURCE.parent.parent / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    assert all("==" in line and "--hash=sha256:" in line for line in lines)
    assert "://" not in text
    assert "--index" not in text
