"""A librdkafka client (python3-confluent-kafka) that is told what to do by JSON lines on standard input and answers each with one line. Its one argument is
{"bootstrap", "kind": "producer", "idempotent"} or {"bootstrap", "kind": "consumer", "group", "commits"};
commands are {"send"}, {"assign"}, {"subscribe"} and {"poll"}. Ends with its input."""
import json
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

task = json.loads(sys.argv[1])
shared = {
    "bootstrap.servers": task["bootstrap"], "client.id": "history", "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 500, "socket.timeout.ms": 10000,
    "topic.metadata.refresh.interval.ms": 10000, "log_level": 0,
}


def producer():
    # Without idempotence several requests in flight may overtake each other when one is retried.
    in_flight = {} if task["idempotent"] else {"max.in.flight": 1}
    return Producer(dict(shared, **{
        "enable.idempotence": task["idempotent"], "acks": "all", "linger.ms": 1, "request.timeout.ms": 5000, "delivery.timeout.ms": 20000, "retry.backoff.ms": 50,
        **in_flight,
    }))


def send(topic, partition, records):
    """Gives [offset, null] or [null, error] for each record. A producer that gave one up is replaced: it may be fenced, or have failed for good."""
    global client
    results = [[None, "never answered"] for _ in records]

    def settled(at):
        def report(error, message):
            results[at] = [None, error.name()] if error else [message.offset(), None]
        return report

    for at, record in enumerate(records):
        try:
            client.produce(topic, record, partition=partition, callback=settled(at))
        except BufferError:
            results[at] = [None, "_QUEUE_FULL"]
        except KafkaException as failure:
            results[at] = [None, failure.args[0].name()]
    client.flush(30)
    if any(error for _, error in results):
        client = producer()
    return {"sent": results}


moved = []


def note(_, partitions):
    moved.extend([one.topic, one.partition] for one in partitions)


def poll(most, timeout_ms):
    """Waits for the first record only."""
    records, errors = [], []
    deadline = time.monotonic() + timeout_ms / 1000
    while len(records) < most:
        try:
            message = client.poll(0 if records else max(0, deadline - time.monotonic()))
        except KafkaException as failure:
            errors.append(failure.args[0].name())
            continue
        if message is None:
            break
        if message.error():
            errors.append(message.error().name())
            if time.monotonic() > deadline:
                break
            continue
        records.append([message.topic(), message.partition(), message.offset(), message.value().decode()])
    rebalanced = moved[:]
    moved.clear()
    return {"records": records, "rebalanced": rebalanced, "errors": errors}


def follow(command):
    if "send" in command:
        return send(**command["send"])
    if "assign" in command:
        client.assign([TopicPartition(*position) for position in command["assign"]])
        return {}
    if "subscribe" in command:
        client.subscribe(command["subscribe"], on_assign=note, on_revoke=note, on_lost=note)
        return {}
    return poll(**command["poll"])


client = producer() if task["kind"] == "producer" else Consumer(dict(shared, **{
    "group.id": task["group"], "auto.offset.reset": "earliest", "enable.auto.commit": task["commits"], "auto.commit.interval.ms": 1000, "session.timeout.ms": 10000,
    "heartbeat.interval.ms": 500, "fetch.wait.max.ms": 100, "check.crcs": True,
}))
for line in sys.stdin:
    print(json.dumps(follow(json.loads(line))), flush=True)
if task["kind"] == "consumer":
    client.close()
