#!/usr/bin/python3
"""Checks YAML files against a JSON Schema: check_schema.py SCHEMA FILE...

Of a Markdown file every block of YAML that begins with `version` is checked. Prints what is wrong,
one finding a line, and fails if there is any. YAML is read as version 1.2 has it, as editors do:
`off` is a word, and 1 a number.
"""

import re
import sys

import json
import jsonschema
import yaml


class Loader(yaml.SafeLoader):
    """Without the booleans of YAML 1.1 that are words to everybody else, and without dates."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers
            if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))


def documents(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if not path.endswith(".md"):
        return [text]
    return [block for block in re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
            if block.startswith("version")]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    findings = 0
    for path in sys.argv[2:]:
        texts = documents(path)
        if not texts:
            findings += 1
            print(f"{path}: no configuration in it")
        for text in texts:
            for error in validator.iter_errors(yaml.load(text, Loader=Loader)):
                findings += 1
                where = "/".join(str(step) for step in error.absolute_path)
                print(f"{path}: {where}: {error.message[:200]}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
