"""Every command that README and docs print is one that the program takes."""

import re
import shlex
from pathlib import Path

import pytest

from tracker.cli import cli

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def printed_commands(text):
    """Lines of code that begin with `tracker COMMAND`, and what follows a backslash at their end; a pipe ends them."""
    text = text.replace("\\\n", " ")
    for line in re.findall(r"^(?: {4}|ExecStart=\S*/)(tracker [a-z].*)$", text, re.MULTILINE):
        words = shlex.shlex(line, posix=True, punctuation_chars="|;&")
        words.whitespace_split = True
        found = []
        for word in words:
            if word in ("|", ";", "&&"):
                break
            found.append(word)
        yield found[1:]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_commands_that_are_printed_are_taken(document):
    for command, *arguments in printed_commands(document.read_text(encoding="utf-8")):
        assert command in cli.commands
        if "..." not in arguments:
            cli.commands[command].make_context(command, list(arguments))  # raises UsageError


def test_the_commands_of_a_document_are_found():
    text = "Do\n\n    tracker webcam 'a ${B}' --serve  # a page\n    tracker process a --lanes \\\n        gmm | jq .\n"
    assert list(printed_commands(text)) == [
        ["webcam", "a ${B}", "--serve"],
        ["process", "a", "--lanes", "gmm"],
    ]
    assert sum(len(list(printed_commands(path.read_text(encoding="utf-8")))) for path in DOCUMENTS) > 40


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document):
    for target, _, heading in re.findall(r"\]\(([^)#:]*)(#?)([^)]*)\)", document.read_text(encoding="utf-8")):
        path = (document.parent / target) if target else document
        assert path.exists(), f"{document.name}: {target}"
        if heading and path.suffix == ".md":
            titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", t).strip().lower().replace(" ", "-") for t in titles}, heading


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_heading_of_a_document_comes_twice(document):
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    titles = re.findall(r"^#+ .*$", text, re.MULTILINE)
    assert len(titles) == len(set(titles))
