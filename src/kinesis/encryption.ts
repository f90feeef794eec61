// Server-side encryption of streams: which KMS key a stream's new records are put under, and what a KeyId of a request names. The key of a stream is a config of its
// topic, so that what is put after the answer of StartStreamEncryption is under it, whichever door it comes through; each record says itself what it is under.
import { clusterResource, keyIdConfig, Refusal, type Topic } from '../ports.ts'
import { iamArnOf } from '../security/iam.ts'
import type { KmsKey } from '../security/kms-keys.ts'
import { oneOf, text } from '../wire/operation.ts'
import type { Context, Services } from './context.ts'
import { AwsError, invalidArgument, kmsError, texts, toAwsError } from './errors.ts'
import { factsOf } from './stream-facts.ts'

export const encryptionType = oneOf('NONE', 'KMS')
export const keyIdMember = text().minLength(1).maxLength(2048)

/** The id of the key that new records of the stream are put under. */
export function keyIdOf({ configs }: Pick<Topic, 'configs'>): string | undefined {
  return configs.get(keyIdConfig) || undefined
}

/** What descriptions of the stream say; the key by the name that it was given. */
export function describeEncryption(topic: Topic, services: Pick<Services, 'documents'>): { readonly EncryptionType: 'KMS' | 'NONE'; readonly KeyId?: string } {
  const keyId = keyIdOf(topic)
  if (keyId === undefined) return { EncryptionType: 'NONE' }
  const { encryption } = factsOf(topic, services)
  return { EncryptionType: 'KMS', KeyId: encryption?.keyId === keyId ? encryption.keyName : keyId }
}

/** The key that a request names, fit to be used; whose it is, and whether the caller may know of it, is judged as KMS does. */
export async function usableKey(name: string, context: Context): Promise<KmsKey | AwsError> {
  const { access, account, caller, kms } = context
  const key = await kms.resolve(name)
  if (key instanceof Refusal) return toAwsError(key)
  const who = iamArnOf(caller.principal, account)
  if ('fault' in key && key.fault === 'of-another-account') return new AwsError('KMSAccessDeniedException', texts.kmsDenied(who, name, key.message))
  // Whoever may not see keys learns nothing of which there are; Kinesis's own is everybody's.
  const isOwn = !('fault' in key) && key.isManaged
  const resource = 'fault' in key ? name : kms.arnOf(key.id)
  const needs = [{ operation: 'describe', resourceType: 'cluster', resourceName: clusterResource }] as const
  if (!isOwn && access.judge(caller, { action: 'kms:DescribeKey', resources: [resource], needs, isEncrypted: context.isEncrypted }) !== 'allowed') {
    return new AwsError('KMSAccessDeniedException', texts.kmsDenied(who, name, 'because no identity-based policy allows the kms:DescribeKey action'))
  }
  if ('fault' in key) return new AwsError('KMSNotFoundException', key.message)
  if (key.state === 'Enabled') return key
  return kmsError(key.state === 'Disabled' ? 'key-disabled' : 'key-pending-deletion', key.id, context)
}

/** AWS puts NONE into the model and takes it nowhere. */
export function judgeEncryptionType(type: string): AwsError | null {
  return type === 'KMS' ? null : invalidArgument(`EncryptionType ${type} is not valid for this operation. The only valid value is KMS.`)
}

/** Puts new records of the topic under the key, or ('') under none; in force everywhere when it resolves. */
export async function setKey(topic: Topic, keyId: string, { admin }: Pick<Services, 'admin'>): Promise<null | AwsError> {
  const change = { name: keyIdConfig, operation: keyId === '' ? 'delete' : 'set', value: keyId === '' ? null : keyId } as const
  const refused = await admin.alterConfigs({ type: 'topic', name: topic.name }, [change], { validateOnly: false })
  return refused === null ? null : toAwsError(refused)
}
