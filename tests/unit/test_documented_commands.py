"""The `aws` commands in README and docs/ are in AWS's service models."""

import re
import shlex
import subprocess
from itertools import takewhile

import botocore.session
import pytest
from botocore import xform_name
from botocore.model import OperationModel

from tests.support.documentation import PAGES, Block, blocks

SESSION = botocore.session.get_session()
OF_EVERY_COMMAND = {"query", "output", "region", "profile"}


def _commands() -> list[list[str]]:
    """Return the words of each `aws` command."""
    texts = [block.text.replace("\\\n", " ") for block in blocks("sh", "console")]
    # In running text, only a command with options counts: a bare name is just mentioned.
    for page in PAGES:
        quoted = re.findall(r"`(aws [^`]+ --[^`]+)`", page.read_text())
        texts += [command.replace("\n", " ") for command in quoted]
    starts = [(text, match.start()) for text in texts for match in re.finditer(r"\baws (?=[a-z])", text)]
    return [_words(text[start:].splitlines()[0]) for text, start in starts]


def _words(line: str) -> list[str]:
    # What is inside $(…) is a command of its own, and ends where that ends.
    depth, end = 0, len(line)
    for at, character in enumerate(line):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            end = at
            break
    line = re.sub(r"\$\((?:[^()]|\([^()]*\))*\)", "VALUE", line[:end])
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    return list(takewhile(lambda word: not re.fullmatch("[;&|]+", word), lexer))


# s3 is the aws command's own and has no model. `aws … wait` is no operation: it gives
# up after 30 minutes, and the next command of a pasted block does not see that.
COMMANDS = [words for words in _commands() if words[1] != "s3"]


def test_commands_are_found() -> None:
    assert len(COMMANDS) > 30


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[1:4]))
def test_each_names_an_operation_and_its_options(words: list[str]) -> None:
    _, service, name, *rest = words
    model = SESSION.get_service_model(service)
    operations = {xform_name(each, "-"): each for each in model.operation_names}
    assert name in operations
    given = {word[2:] for word in rest if word.startswith("--")}
    options = _options(model.operation_model(operations[name]))
    assert given - OF_EVERY_COMMAND <= options.keys()
    assert {option for option, required in options.items() if required} <= given


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_each_block_for_the_shell_is_whole(block: Block) -> None:
    checked = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
    assert checked.stderr == ""


def _options(operation: OperationModel) -> dict[str, bool]:
    """Return the options of an operation, and whether it requires each; tokens are made if not given."""
    if operation.input_shape is None:
        return {}
    required = set(operation.input_shape.required_members) - set(operation.idempotent_members)
    options = {}
    for name, shape in operation.input_shape.members.items():
        option = xform_name(name, "-")
        options[option] = name in required
        if shape.type_name == "boolean":
            options[f"no-{option}"] = False
    return options
