// `sluice certs revoke` and the administrator's certificate, without which nobody can administer.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { certsCommand } from '../../src/cli/certs.ts'
import { listCertificates } from '../../src/pki/clients.ts'
import { nodeWorld } from '../../src/world/node.ts'

describe('sluice certs revoke', () => {
  it('withdraws the administrator\'s certificate, by name or serial number, only with --yes', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sluice-revoke-'))
    const [log, error] = [vi.spyOn(console, 'log').mockImplementation(() => {}), vi.spyOn(console, 'error').mockImplementation(() => {})]
    const certs = async (...args: string[]): Promise<unknown> => await certsCommand().parseAsync([...args, '--certs-dir', directory], { from: 'user' })
    const known = async () => (await listCertificates(nodeWorld(), directory)).find(one => one.name === 'admin')!
    try {
      await certs('init')
      const { certificate } = await known()
      const refused = /^that is the administrator's certificate: .* say --yes to withdraw it all the same$/
      await expect(certs('revoke', 'admin')).rejects.toThrow(refused)
      await expect(certs('revoke', certificate.serialNumber.toLowerCase())).rejects.toThrow(refused)
      expect((await known()).state).toBe('valid')
      await certs('revoke', 'admin', '--yes')
      expect((await known()).state).toBe('revoked')
      // Withdrawn already: there is nothing left to be warned of.
      await certs('revoke', 'admin')
      // And the way out that the refusal names.
      await certs('init')
      expect([(await known()).state, (await known()).certificate.serialNumber === certificate.serialNumber]).toEqual(['valid', false])
    } finally {
      log.mockRestore()
      error.mockRestore()
      await rm(directory, { recursive: true, force: true })
    }
  })
})
