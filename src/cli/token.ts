// `sluice token`: a short-lived bearer token for a client certificate. It is worth something only over connections that show the same certificate (RFC 8705).
import { Command } from 'commander'
import { askGateway, withGateway, type GatewayOptions } from './gateway-client.ts'

export function tokenCommand(): Command {
  return withGateway(new Command('token').description('get a short-lived token that is bound to a certificate')).action(token)
}

async function token(options: GatewayOptions): Promise<void> {
  const form = { type: 'application/x-www-form-urlencoded', text: 'grant_type=client_credentials' }
  const answer = await askGateway(options, 'POST', '/oauth2/token', form) as { access_token: string; expires_in: number }
  if (options.json === true) return console.log(JSON.stringify(answer, null, 2))
  console.log(answer.access_token)
  console.error(`good for ${answer.expires_in} s, over connections with the same certificate`)
}
