// Keeps a running server's certificate young: looks once an hour, and gives the listeners what was renewed, be it by this process, by another
// one that shares the directory, or by hand.
import { isDeepStrictEqual } from 'node:util'
import type { Certificates, EnsureOptions } from './certificates.ts'
import { ensureCertificates } from './certificates.ts'
import type { Logger, Timer } from '../world/world.ts'

export interface RenewalOptions extends Omit<EnsureOptions, 'onProgress'> {
  readonly logger: Logger
  /** What the server started with. */
  readonly current: Certificates
  /** Called when the server's certificate is another than before; new handshakes should use it. */
  readonly onRenewed: (certificates: Certificates) => void
}

const intervalMs = 3_600_000

/** Dispose of the result to stop. */
export function keepRenewed(options: RenewalOptions): Disposable {
  const { world, logger, directory, hostnames } = options
  let { current } = options
  let timer: Timer
  let isStopped = false

  const look = async (): Promise<void> => {
    try {
      const found = await ensureCertificates({ world, directory, hostnames })
      if (isStopped || isDeepStrictEqual(found.material, current.material)) return
      current = found
      options.onRenewed(found)
      logger.info({ validTo: new Date(found.serverValidTo).toISOString() }, 'the server certificate was renewed')
    } catch (error) {
      const validTo = new Date(current.serverValidTo).toISOString()
      logger.error({ error: (error as Error).message, validTo }, 'the certificates could not be looked after; the ones in use stay')
    }
  }
  const schedule = (): Timer => world.clock.after(intervalMs, () => {
    void look().then(() => {
      if (!isStopped) timer = schedule()
    })
  })
  timer = schedule()
  return {
    [Symbol.dispose]: () => {
      isStopped = true
      timer.cancel()
    },
  }
}
