#!/usr/bin/python3
"""Runs the code blocks of a paper as a reader would: those below `<!-- run by tests/interop/run_papers -->`.

  paper_blocks.py PAGE

All ```sh blocks of a page run in one shell, in the current folder, one after another. No command in them may fail, and no
answer may be an error, unless the sample below the block shows one. A ```json sample holds: what the block prints has a
document with the same members. Of a ```text sample the first line holds, word by word, but for words with digits;
where it shows rows of psql's, there are rows.
A ```python or ```js block is a program, which is run by the same shell.

PORTS has pairs of a port that the pages name and one to take in its place: "5432=21234 8443=21235".

tap.sh says what is printed.
"""
import json
import os
import re
import subprocess
import sys

MARK = "<!-- run by tests/interop/run_papers -->"
PROGRAMS = {"python": ("client.py", "/usr/bin/python3"), "js": ("client.mjs", "node")}


def fences(text):
    """(line, is it marked, language, code) of each code block."""
    lines, n = text.splitlines(), 0
    while n < len(lines):
        if lines[n].startswith("```"):
            end = next(m for m in range(n + 1, len(lines)) if lines[m].startswith("```"))
            yield n + 1, n > 0 and lines[n - 1] == MARK, lines[n][3:], "\n".join(lines[n + 1:end]) + "\n"
            n = end
        n += 1


def runnable(text):
    """(line, language, code, the sample's language, the sample)"""
    found = list(fences(text))
    for n, (line, marked, language, code) in enumerate(found):
        if not marked:
            continue
        after = found[n + 1] if n + 1 < len(found) else (0, True, "", "")
        ends = line + code.count("\n") + 1
        follows = after[2] in ("json", "text") and after[0] - ends <= 2
        yield line, language, code, after[2] if follows else "", after[3] if follows else ""


def documents(text):
    """The JSON documents in a text."""
    decoder, at = json.JSONDecoder(), 0
    while (at := text.find("{", at)) >= 0:
        try:
            value, at = decoder.raw_decode(text, at)
            yield value
        except ValueError:
            at += 1


def shape(value):
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return None


def is_error(document):
    return "error" in document or ("status" in document and "title" in document)


def faults(output, failures, language, sample):
    """What is wrong with a block's output."""
    printed = list(documents(output))
    expected = list(documents(sample)) if language == "json" else []
    if not any(map(is_error, expected)) and "ERROR" not in sample:
        yield from (f"failed: {command}" for command in failures)
        yield from (f"an error: {json.dumps(d)}" for d in printed if is_error(d))
    shapes = [shape(document) for document in printed]
    for document in expected:
        if shape(document) not in shapes:
            yield f"nothing printed looks like {json.dumps(document)[:100]}"
    if language == "text":
        if output.count("(0 rows)") > sample.count("(0 rows)"):
            yield "there are no rows where the sample has some"
        for word in sample.split("\n", 1)[0].split():
            if not re.search(r"[\d…]", word) and word not in output:
                yield f"{word} of the sample isn't printed"


def script(found):
    """One shell for all blocks; each leaves its output and its failed commands."""
    yield "set -mE; trap 'echo \"$BASH_COMMAND\" >&9' ERR\n"
    for line, language, code, _, _ in found:
        if language in PROGRAMS:
            file, interpreter = PROGRAMS[language]
            with open(file, "w", encoding="utf-8") as out:
                out.write(code)
            code = f"{interpreter} {file}\n"
        yield f"exec 9>block.{line}.failed\n{{\n{code}}} >block.{line}.out 2>&1 </dev/null\n"


def result(name, wrong, output):
    print(f"{'not ok' if wrong else 'ok'} - {name}")
    if wrong:
        print("\n".join(wrong + output.splitlines()[-20:]))
    sys.stdout.flush()
    return not wrong


def own(code):
    """The ports that are free here in place of the pages'."""
    ports = dict(pair.split("=") for pair in os.environ["PORTS"].split())
    return re.sub(r"(?<=:)(\d{4})\b", lambda port: ports.get(port[1], port[1]), code)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def main():
    page = sys.argv[1]
    found = [(line, language, own(code), *sample) for line, language, code, *sample in runnable(read(page))]
    subprocess.run(["bash", "-c", "".join(script(found))], timeout=300, check=False)
    good = len(found) > 0
    for line, _, _, sample_language, sample in found:
        name = f"the block at line {line}"
        if not os.path.exists(f"block.{line}.out"):
            good &= result(name, ["it wasn't reached"], "")
            continue
        output, failed = read(f"block.{line}.out"), read(f"block.{line}.failed").splitlines()
        good &= result(name, list(faults(output, failed, sample_language, sample)), output)
    return 0 if good else 1


sys.exit(main())
