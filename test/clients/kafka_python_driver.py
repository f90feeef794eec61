"""python3-kafka on one topic: create it, produce, consume in a group, look at the group, grow and delete the topic. Takes one JSON argument
{"bootstrap", "topic", "group", "tls": {"ca", "certificate", "key"} or null}, prints what it saw as one JSON line."""
import json
import sys

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic

task = json.loads(sys.argv[1])
topic, group, tls = task["topic"], task["group"], task["tls"]
client = {"bootstrap_servers": task["bootstrap"]}
if tls:
    client.update(security_protocol="SSL", ssl_cafile=tls["ca"], ssl_certfile=tls["certificate"], ssl_keyfile=tls["key"])
seen = {}

admin = KafkaAdminClient(**client)
admin.create_topics([NewTopic(topic, 2, 1, topic_configs={"retention.ms": "60000"})])

producer = KafkaProducer(acks="all", compression_type="gzip", **client)
sent = [producer.send(topic, key=b"k", value=b"v%d" % at, headers=[("h", b"x")], partition=1) for at in range(3)]
seen["offsets"] = [one.get(60).offset for one in sent]
producer.close()

consumer = KafkaConsumer(topic, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False, session_timeout_ms=30000, **client)
records = []
while len(records) < 3:
    for batch in consumer.poll(timeout_ms=1000).values():
        records.extend([one.partition, one.offset, one.key.decode(), one.value.decode(), one.headers[0][1].decode()] for one in batch)
seen["records"] = records
consumer.commit()
seen["state"] = admin.describe_consumer_groups([group])[0].state
consumer.close()

committed = admin.list_consumer_group_offsets(group)
seen["committed"] = committed[TopicPartition(topic, 1)].offset
seen["groups"] = [name for name, _ in admin.list_consumer_groups()]
configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])[0].resources[0][4]
seen["retention"] = next(one[1] for one in configs if one[0] == "retention.ms")
admin.create_partitions({topic: NewPartitions(3)})
seen["partitions"] = len(admin.describe_topics([topic])[0]["partitions"])
admin.delete_consumer_groups([group])
admin.delete_topics([topic])
seen["topics"] = admin.list_topics()
print(json.dumps(seen))
