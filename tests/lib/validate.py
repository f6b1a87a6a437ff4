#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""validate.py SCHEMA FILE: FILE is one JSON document that matches SCHEMA; each fault is one line."""
import json
import sys

import jsonschema


def no_constant(word):
    """NaN and Infinity are not JSON, though Python reads them."""
    raise ValueError(f"{word} is not JSON")


def main():
    """Exit status 1 when there is a fault."""
    with open(sys.argv[1], encoding="utf-8") as f:
        schema = json.load(f)
    with open(sys.argv[2], encoding="utf-8") as f:
        answer = json.load(f, parse_constant=no_constant)
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    faults = sorted(validator(schema).iter_errors(answer), key=lambda e: list(map(str, e.path)))
    for fault in faults:
        print("/" + "/".join(map(str, fault.path)) + ": " + fault.message[:300])
    sys.exit(1 if faults else 0)


main()
