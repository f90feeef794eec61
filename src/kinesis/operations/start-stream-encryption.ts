// StartStreamEncryption. From its answer on every record that is put is encrypted under the key, whatever the stream shows meanwhile (UPDATING, then ACTIVE); earlier
// records stay as they are. A stream that has a key is given another one, or the same again.
import { type InputOf, operation } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { encryptionType, judgeEncryptionType, keyIdMember, setKey, usableKey } from '../encryption.ts'
import { AwsError } from '../errors.ts'
import { activeStream, changeActive } from '../lifecycle.ts'
import { namedStream, oneStream, streamArn, streamId, streamName } from '../streams.ts'

export const StartStreamEncryption = operation({
  name: 'StartStreamEncryption',
  input: { StreamName: streamName, EncryptionType: encryptionType.required, KeyId: keyIdMember.required, StreamARN: streamArn, StreamId: streamId },
  check: oneStream,
})

export const startStreamEncryption = serve(
  StartStreamEncryption,
  { action: 'kinesis:StartStreamEncryption', access: { kind: 'needs', operation: 'alter-configs', stream: namedStream } },
  handle,
)

async function handle(input: InputOf<typeof StartStreamEncryption>, context: Context): Promise<null | AwsError> {
  const topic = await activeStream(input, context)
  if (topic instanceof AwsError) return topic
  const wrong = judgeEncryptionType(input.EncryptionType)
  if (wrong !== null) return wrong
  const key = await usableKey(input.KeyId, context)
  if (key instanceof AwsError) return key
  const refused = await changeActive(topic, context, () => ({ encryption: { keyName: input.KeyId, keyId: key.id } }))
  return refused ?? setKey(topic, key.id, context)
}
