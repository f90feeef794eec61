// Principals as AWS Identity and Access Management names them, and back. `User:CN=alice` is the user `arn:aws:iam::N:user/CN=alice`; a principal of another type has
// its type in place of `user`. Characters that IAM does not know in names are percent-encoded, so that no two principals share an ARN and none is read as another.
import type { Principal } from '../ports.ts'

/** A principal's ARN in the account. */
export function iamArnOf(principal: Principal, account: string): string {
  return `arn:aws:iam::${account}:${kindOf(principal.type)}/${encode(principal.name)}`
}

/** The principal of such an ARN, exactly as `iamArnOf` writes it; undefined for any other text, and for those of other accounts. */
export function principalOf(arn: string, account: string): Principal | undefined {
  const prefix = `arn:aws:iam::${account}:`
  const slash = arn.indexOf('/')
  if (!arn.startsWith(prefix) || slash < 0) return undefined
  const type = arn.slice(prefix.length, slash)
  try {
    const principal = { type: type === 'user' ? 'User' : decodeURIComponent(type), name: decodeURIComponent(arn.slice(slash + 1)) }
    return iamArnOf(principal, account) === arn && principal.name !== '' ? principal : undefined
  } catch {
    // A stray percent sign: nothing that was written here.
    return undefined
  }
}

/** The account itself, which stands for all its principals. */
export function accountRootArn(account: string): string {
  return `arn:aws:iam::${account}:root`
}

/** A type that is spelled as IAM spells users must not pass for theirs. */
function kindOf(type: string): string {
  return type === 'User' ? 'user' : type === 'user' ? '%75ser' : encode(type)
}

/** IAM names have letters, digits and `+=,.@_-`. */
function encode(name: string): string {
  return name.toWellFormed().replace(/[^A-Za-z0-9+=,.@_-]/gu, char => [...Buffer.from(char)].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''))
}
