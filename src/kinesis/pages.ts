// Going on with a list from a NextToken: what the token says, or why it is refused.
import { type Context } from './context.ts'
import { AwsError, invalidArgument } from './errors.ts'
import { type PagePurpose, tokenLifetimeMs } from './tokens.ts'

/** What was issued under this purpose for this caller, while it is good. `T` is what `issuePage` was given for the purpose. */
export function openPage<T>(purpose: PagePurpose, token: string, { tokens, caller, clock }: Context): T | AwsError {
  const page = tokens.openPage(purpose, token, caller.principal)
  if (page === undefined) return invalidArgument('Invalid NextToken.')
  if (clock.now() - page.issuedAtMs > tokenLifetimeMs) {
    const created = new Date(page.issuedAtMs).toISOString()
    return new AwsError('ExpiredNextTokenException', `NextToken expired. It was created at ${created}; tokens last ${tokenLifetimeMs} milliseconds.`)
  }
  return page.value as T
}
