"""python3-confluent-kafka (librdkafka) on one topic: create it, produce with every codec, consume in a group as a static member, come back, be fenced, grow and
delete the topic. Takes one JSON argument {"bootstrap", "topic", "group", "tls": {"ca", "certificate", "key"} or null}, prints what it saw as one JSON line."""
import json
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

task = json.loads(sys.argv[1])
topic, group, tls = task["topic"], task["group"], task["tls"]
client = {"bootstrap.servers": task["bootstrap"]}
if tls:
    client.update({"security.protocol": "ssl", "ssl.ca.location": tls["ca"], "ssl.certificate.location": tls["certificate"], "ssl.key.location": tls["key"]})
codecs = ["none", "gzip", "snappy", "lz4", "zstd"]
seen = {"delivered": [], "records": []}


def settle(futures):
    for future in futures.values():
        future.result()


def delivered(error, message):
    seen["delivered"].append([error and error.name(), message.partition(), message.offset()])


def static_consumer():
    consumer = Consumer(dict(client, **{
        "group.id": group, "group.instance.id": "seat-1", "auto.offset.reset": "earliest", "enable.auto.commit": False, "session.timeout.ms": 45000,
        "heartbeat.interval.ms": 200, "fetch.wait.max.ms": 50, "partition.assignment.strategy": "cooperative-sticky",
    }))
    consumer.subscribe([topic])
    return consumer


def poll_until(consumer, done):
    """Gives the error that ended it, or None."""
    deadline = time.monotonic() + 60
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("a minute of polling")
        try:
            message = consumer.poll(0.1)
        except KafkaException as failure:
            return failure.args[0]
        if message is None:
            continue
        if message.error():
            return message.error()
        seen["records"].append([message.partition(), message.offset(), message.key().decode(), len(message.value()), message.headers()[0][1].decode()])
    return None


def members():
    """The group's state and its members' ids."""
    described = admin.list_groups(group, timeout=60)[0]
    return [described.state] + [member.id for member in described.members]


admin = AdminClient(client)
settle(admin.create_topics([NewTopic(topic, 2, 1, config={"retention.ms": "60000"})]))
for codec in codecs:
    producer = Producer(dict(client, **{"enable.idempotence": True, "compression.type": codec}))
    producer.produce(topic, key=codec, value="v" * 200, partition=1, headers={"h": "x"}, callback=delivered)
    producer.flush(60)

first = static_consumer()
poll_until(first, lambda: len(seen["records"]) == len(codecs))
first.commit(asynchronous=False)
there = members()
first.close()
seen["away"] = [there, members() == there]

second = static_consumer()
poll_until(second, lambda: len(second.assignment()) == 2)
back = members()
seen["back"] = [back[0], len(back), back != there, second.committed([TopicPartition(topic, 1)])[0].offset]
double = static_consumer()
poll_until(double, lambda: len(double.assignment()) == 2)
fenced = poll_until(second, lambda: False)
seen["fenced"] = fenced.str()
# Left to the end of the program, librdkafka now and then waits for ever as it lets go of a consumer whose topic is gone.
second.close()
double.close()

retention = admin.describe_configs([ConfigResource("topic", topic)])
seen["retention"] = [future.result()["retention.ms"].value for future in retention.values()][0]
settle(admin.create_partitions([NewPartitions(topic, 3)]))
seen["partitions"] = len(admin.list_topics(topic, timeout=60).topics[topic].partitions)
settle(admin.delete_topics([topic]))
seen["topics"] = list(admin.list_topics(timeout=60).topics)
print(json.dumps(seen), flush=True)
