# boto3 driven line by line: each line of the input is {"operation": …, "input": {…}}, each line of the output the answer's members, or {"error": type, "message": …}.
# In both directions {"$blob": base64} is bytes; {"$time": milliseconds} is a time, which comes back in ISO 8601.
# Usage: kinesis_boto_driver.py ENDPOINT; credentials and region come from the environment. The first line out names the operations that boto3 knows.
import base64
import datetime
import json
import sys

import boto3
import botocore.exceptions
from botocore import xform_name


def to_python(value):
    if isinstance(value, list):
        return [to_python(item) for item in value]
    if not isinstance(value, dict):
        return value
    if '$blob' in value:
        return base64.b64decode(value['$blob'])
    if '$time' in value:
        return datetime.datetime.fromtimestamp(value['$time'] / 1000, datetime.timezone.utc)
    return {name: to_python(item) for name, item in value.items()}


def to_json(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    raise TypeError(repr(value))


def call(client, operation, given):
    answer = getattr(client, xform_name(operation))(**to_python(given))
    answer.pop('ResponseMetadata', None)
    if operation == 'SubscribeToShard':
        # The first event that brings records.
        events = answer['EventStream']
        answer = next(event['SubscribeToShardEvent'] for event in events if event['SubscribeToShardEvent']['Records'])
        events.close()
    return answer


client = boto3.client('kinesis', endpoint_url=sys.argv[1])
print(json.dumps(client.meta.service_model.operation_names), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    try:
        answer = call(client, asked['operation'], asked['input'])
    except botocore.exceptions.ClientError as error:
        answer = {'error': error.response['Error']['Code'], 'message': error.response['Error']['Message']}
    except Exception as error:
        answer = {'error': type(error).__name__, 'message': str(error)}
    print(json.dumps(answer, default=to_json), flush=True)
