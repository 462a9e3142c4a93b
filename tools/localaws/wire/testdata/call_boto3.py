"""Calls operations with boto3, and prints what it sent and what it received.

The first argument is the endpoint. Standard input has a line for each operation:
signing name, name of the client, operation. Inputs satisfy the constraints of
botocore's models. What is printed is one JSON object a line, with members in lower
case, bytes in base64 and times in milliseconds.
"""

import base64
import datetime
import json
import re
import re._parser as parser
import sys

import boto3
from botocore.config import Config

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)


def text_of(tokens):
    """Returns a text that a parsed pattern matches."""
    out = ""
    for op, arg in tokens:
        name = str(op)
        if name == "LITERAL":
            out += chr(arg)
        elif name == "NOT_LITERAL" or name == "ANY":
            out += "a"
        elif name == "IN":
            out += of_set(arg)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            out += text_of(arg[2]) * arg[0]
        elif name == "SUBPATTERN":
            out += text_of(arg[3])
        elif name == "BRANCH":
            out += text_of(max(arg[1], key=len))
        elif name not in ("AT", "ASSERT", "ASSERT_NOT"):
            raise ValueError(name)
    return out


def of_set(items):
    if str(items[0][0]) == "NEGATE":
        return "a"
    op, arg = items[0]
    name = str(op)
    if name == "LITERAL":
        return chr(arg)
    if name == "RANGE":
        return chr(arg[0])
    return {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " ", "CATEGORY_NOT_DIGIT": "a", "CATEGORY_NOT_SPACE": "a"}.get(str(arg), "a")


def string(shape):
    if shape.enum:
        return shape.enum[0]
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 1 << 20)
    pattern = shape.metadata.get("pattern")
    if not pattern:
        return ("x" * max(least, 3))[:most]
    # Python has no classes of Unicode.
    pattern = re.sub(r"\\p\{\w+\}", "a", pattern)
    base = text_of(parser.parse(pattern))
    for candidate in [base or "a", ("x" * max(least, 3))[:most], "a1" * max(least, 2), "1" * max(least, 1), "/x", "arn:aws:x:us-east-1:000000000000:x/y", "$x", "s3://x/y", base]:
        if candidate and len(candidate) < least:
            candidate += candidate[-1:] * (least - len(candidate))
        if re.fullmatch(pattern, candidate) and least <= len(candidate) <= most:
            return candidate
    raise ValueError("no text for " + pattern)


def value(shape, path=()):
    if shape.name in path:
        raise RecursionError
    path += (shape.name,)
    kind = shape.type_name
    if kind == "structure":
        if getattr(shape, "is_document_type", False):
            return {}
        out = {}
        for name, member in shape.members.items():
            # It needs another package.
            if name == "EndpointId":
                continue
            try:
                out[name] = value(member, path)
            except (ValueError, RecursionError):
                if name in shape.required_members:
                    raise
            if out.get(name) is not None and (shape.name == "AttributeValue" or getattr(shape, "is_tagged_union", False)):
                break
        return out
    if kind == "list":
        return [value(shape.member, path)] * max(shape.metadata.get("min", 0), 1)
    if kind == "map":
        key, n = value(shape.key, path), max(shape.metadata.get("min", 0), 1)
        return {key + "x" * i: value(shape.value, path) for i in range(n)}
    if kind == "string":
        return string(shape)
    if kind in ("integer", "long"):
        return max(int(shape.metadata.get("min", 0)), min(int(shape.metadata.get("max", 7)), 7)) or 1
    if kind in ("float", "double"):
        return max(float(shape.metadata.get("min", 0)), 1.25)
    if kind == "boolean":
        return True
    if kind == "blob":
        return b"\x00\xff" + b"z" * max(shape.metadata.get("min", 0) - 2, 0)
    if kind == "timestamp":
        return NOW
    raise ValueError(kind)


def plain(shape, v):
    """Returns a value as JSON. A member that the shape has and the value has not is null."""
    kind = shape.type_name
    if v is None:
        return None
    if hasattr(v, "read"):
        v = v.read()
    if kind == "structure":
        return {name.lower(): plain(member, v.get(name)) for name, member in shape.members.items()}
    if kind == "list":
        return [plain(shape.member, item) for item in v]
    if kind == "map":
        return {key: plain(shape.value, item) for key, item in v.items()}
    if kind == "blob":
        return base64.b64encode(v.encode() if isinstance(v, str) else bytes(v)).decode()
    if kind == "timestamp":
        return round(v.timestamp() * 1000)
    if isinstance(v, dict):  # a document
        return json.dumps(v)
    return v


def main():
    clients = {}
    for line in sys.stdin:
        service, client_name, operation = line.split()
        if service not in clients:
            clients[service] = boto3.client(
                client_name, endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="AKIA", aws_secret_access_key="secret",
                config=Config(retries={"total_max_attempts": 1}, parameter_validation=True),
            )
        client = clients[service]
        result = {"service": service, "operation": operation}
        try:
            model = client.meta.service_model.operation_model(operation)
            params = value(model.input_shape) if model.input_shape else {}
            result["sent"] = plain(model.input_shape, params) if model.input_shape else {}
            received = client._make_api_call(operation, params)
            result["received"] = plain(model.output_shape, received) if model.output_shape else {}
        except Exception as e:
            result["error"] = "%s: %s" % (type(e).__name__, e)
        print(json.dumps(result))


main()
