// The registry behind its router on a bare Express app, over the memory backend: what the registry's tests talk to.
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Express } from 'express'
import { setCaller, callerOf } from '../../src/gateway/callers.ts'
import { answerProblems, noSuchPath } from '../../src/gateway/problem.ts'
import { registryRouter } from '../../src/gateway/registry/router.ts'
import type { Access, AclOperation, Backend, ResourceType } from '../../src/ports.ts'
import { openRegistry, type Registry } from '../../src/registry/registry.ts'
import type { Logger } from '../../src/world/world.ts'
import { memoryBackend } from './memory-backend.ts'
import { holdToOpenApi } from './openapi.ts'

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Allows what the rule says; everything unless one is given. */
export function accessBy(rule: (operation: AclOperation, type: ResourceType, name: string) => boolean = () => true): Access {
  const allows: Access['allows'] = (_who, operation, type, name) => rule(operation, type, name)
  return { allows, wouldAllow: allows, allowsAny: () => true, list: () => [], create: async () => [], delete: async () => [] }
}

export interface RegistryApp {
  readonly app: Express
  readonly registry: Registry
  readonly backend: Backend
}

export async function registryApp(options: { access?: Access; backend?: Backend } = {}): Promise<RegistryApp> {
  const backend = options.backend ?? memoryBackend()
  const registry = await openRegistry({ logs: backend.logs, admin: backend.admin, clock: { now: () => Date.now() }, logger: silent })
  const app = express()
  app.enable('strict routing')
  app.set('query parser', 'simple')
  app.use((request, response, next) => {
    holdToOpenApi(request, response)
    setCaller(response, { principal: { type: 'User', name: 'CN=alice' }, host: '127.0.0.1' })
    next()
  })
  app.use(registryRouter({ registry, access: options.access ?? accessBy(), callerOf, version: '0.1.0' }))
  app.use(noSuchPath)
  app.use(answerProblems(silent))
  return { app, registry, backend }
}

/** The app on a port of its own; `url` has no slash at its end. */
export async function listening(app: Express): Promise<AsyncDisposable & { url: string }> {
  const server = await new Promise<Server>(resolve => {
    const listener: Server = app.listen(0, '127.0.0.1', () => resolve(listener))
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
