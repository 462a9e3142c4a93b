"""Uses a queue with boto3 over the protocol that the argument names."""

import gzip
import json
import os
import sys
import tempfile

import boto3
import botocore
from botocore.exceptions import ClientError


def singular(shape, member):
    """Returns the name of a flattened item on the wire."""
    special = {"Actions": "ActionName", "Entries": shape.replace("List", "")}
    name = special.get(member, member)
    name = name[0].upper() + name[1:]
    return name[:-1] if name.endswith("s") and member not in special else name


def describe_query(path):
    """Writes botocore's description of SQS with the query protocol."""
    source = os.path.join(os.path.dirname(botocore.__file__), "data/sqs/2012-11-05")
    with gzip.open(os.path.join(source, "service-2.json.gz")) as f:
        model = json.load(f)
    metadata = model["metadata"]
    for key in ("awsQueryCompatible", "jsonVersion", "targetPrefix", "protocols"):
        metadata.pop(key, None)
    metadata["protocol"] = "query"
    metadata["xmlNamespace"] = "http://queue.amazonaws.com/doc/2012-11-05/"
    shapes = model["shapes"]
    for operation in model["operations"].values():
        if "output" in operation:
            operation["output"]["resultWrapper"] = operation["name"] + "Result"
    for shape in list(shapes.values()):
        for name, member in shape.get("members", {}).items():
            target = shapes[member["shape"]]
            if target["type"] == "list":
                item = target["member"]["shape"]
                if shapes[item]["type"] == "structure":
                    target["member"]["locationName"] = item
                else:
                    target["member"]["locationName"] = singular(member["shape"], name)
            elif target["type"] == "map":
                # A description has one name for all that use the map.
                copy = member["shape"] + name
                key = "Key" if singular("", name) == "Tag" else "Name"
                shapes[copy] = dict(
                    target,
                    key=dict(target["key"], locationName=key),
                    value=dict(target["value"], locationName="Value"),
                )
                member["shape"] = copy
                member["locationName"] = singular("", name)
    target = os.path.join(path, "sqs", "2012-11-05")
    os.makedirs(target)
    with open(os.path.join(target, "service-2.json"), "w") as f:
        json.dump(model, f)


def check(condition, what):
    if not condition:
        sys.exit(f"unexpected: {what}")


def main(protocol):
    with tempfile.TemporaryDirectory() as path:
        if protocol == "query":
            describe_query(path)
            os.environ["AWS_DATA_PATH"] = path
        session = boto3.session.Session()
        if protocol == "query":
            loader = session._session.get_component("data_loader")
            loader.search_paths.insert(0, path)
        sqs = session.client("sqs")
    check(sqs.meta.service_model.metadata["protocol"] == protocol, "the protocol")

    url = sqs.create_queue(
        QueueName="orders", Attributes={"DelaySeconds": "900"}, tags={"team": "ledger"}
    )["QueueUrl"]
    check(sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "ledger"}, "the tags")
    # The message's delay of zero is not the queue's delay.
    sqs.send_message(
        QueueUrl=url,
        MessageBody="é<&>",
        DelaySeconds=0,
        MessageAttributes={
            "kind": {"DataType": "String", "StringValue": "new"},
            "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        },
    )
    out = sqs.send_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "a", "MessageBody": "late"},
            {"Id": "b", "MessageBody": "bad", "DelaySeconds": 901},
        ],
    )
    check([m["Id"] for m in out["Successful"]] == ["a"], out)
    check([m["Id"] for m in out["Failed"]] == ["b"], out)
    messages = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=0,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    )["Messages"]
    check(len(messages) == 1 and messages[0]["Body"] == "é<&>", messages)
    check(messages[0]["MessageAttributes"]["raw"]["BinaryValue"] == b"\x00\xff", messages)
    check(messages[0]["Attributes"]["ApproximateReceiveCount"] == "1", messages)
    # It was received with a visibility timeout of zero.
    again = sqs.receive_message(QueueUrl=url)["Messages"]
    check(again[0]["MessageId"] == messages[0]["MessageId"], again)
    sqs.delete_message_batch(
        QueueUrl=url, Entries=[{"Id": "x", "ReceiptHandle": again[0]["ReceiptHandle"]}]
    )
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    check(attributes["ApproximateNumberOfMessages"] == "0", attributes)
    check(attributes["ApproximateNumberOfMessagesDelayed"] == "1", attributes)
    check(sqs.list_queues(QueueNamePrefix="ord")["QueueUrls"] == [url], "the queues")
    sqs.delete_queue(QueueUrl=url)
    try:
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        sys.exit("unexpected: a deleted queue has attributes")
    except ClientError as e:
        check(e.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue", e)
        check(protocol == "query" or isinstance(e, sqs.exceptions.QueueDoesNotExist), e)


main(sys.argv[1])
