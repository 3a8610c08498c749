from __future__ import annotations

import posixpath
import re

import pytest

from player.web.server.app import page_files

SCRIPTS = sorted(name for name in page_files() if name.endswith(".js"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_whatever_a_script_imports_is_served(name: str) -> None:
    """One import that leads nowhere, and the browser runs no script of the page."""
    files = page_files()
    text = files[name][0].decode()
    for names, target in re.findall(r"import \{([^}]*)\} from \"([^\"]+)\"", text):
        imported = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        assert imported in files, f"{name} imports {target}"
        offered = re.findall(
            r"export (?:async )?(?:class|function|const) (\w+)", files[imported][0].decode()
        )
        assert {one.strip() for one in names.split(",") if one.strip()} <= set(offered), name


def test_the_page_names_files_that_are_served() -> None:
    files = page_files()
    named = re.findall(r"(?:src|href)=\"/page/([^\"]+)\"", files["index.html"][0].decode())
    assert named
    assert set(named) <= set(files)
