// What the inside may know of the outside: time, disk, network and chance, as interfaces. `node.ts` is the real world,
// `test/sim/world.ts` the seeded one. Nothing in src/engine reaches outside but through these.
import type { Socket } from 'node:net'
import type { SecureContextOptions, TlsOptions } from 'node:tls'

export interface World {
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
}

export interface Clock {
  /** Wall-clock time in milliseconds since the epoch. */
  now(): number
  /** Milliseconds on a clock that never goes back; only differences mean something. */
  monotonic(): number
  /** Runs `task` once after `delayMs`; dispose of the timer to cancel it. A waiting timer never keeps the process alive. */
  after(delayMs: number, task: () => void): Timer
}

export interface Timer extends Disposable {
  cancel(): void
}

export interface Random {
  /** `count` unpredictable bytes. */
  bytes(count: number): Buffer
  /** A random (version 4) UUID in its 36-character form. */
  uuid(): string
}

/**
 * Files and directories by path (separator '/'). Nothing is durable before `sync` (a file's bytes and size) or `syncDirectory`
 * (names in it) has returned. Errors are rejections with Node's `code` ('ENOENT', 'ENOSPC', 'EIO' …).
 */
export interface Disk {
  /** Opens for reading and positional writing. 'create' makes a new empty file and fails with EEXIST where there is one. */
  open(path: string, how: 'read' | 'write' | 'create'): Promise<DiskFile>
  /** Makes the directory and those above it that are missing; one that is there is left as it is. */
  makeDirectory(path: string): Promise<void>
  /** Names in a directory, sorted; a missing directory is ENOENT. */
  list(path: string): Promise<string[]>
  exists(path: string): Promise<boolean>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  removeDirectory(path: string): Promise<void>
  syncDirectory(path: string): Promise<void>
  /** Of the file system that holds `path`: its size, and what is free for this process. Bytes. */
  space(path: string): Promise<{ readonly totalBytes: number; readonly freeBytes: number }>
  /** The bytes of a small file that nobody but its owner may read; rejects where it is a link or others have access. */
  readSecret(path: string): Promise<Buffer>
  /** Takes the exclusive lock file at `path` for this process; undefined where another living process holds it. */
  lock(path: string): Promise<AsyncDisposable | undefined>
}

export interface DiskFile extends AsyncDisposable {
  size(): Promise<number>
  /** Up to `length` bytes from `position`; fewer only where the file ends. */
  read(position: number, length: number): Promise<Buffer>
  /** Writes all of `buffers`, one after the other, from `position` on (pwritev). */
  write(position: number, buffers: readonly Uint8Array[]): Promise<void>
  /** `write`, durable when it resolves, in one step where the system has one. Says nothing of other bytes that were written before. */
  writeDurably(position: number, buffers: readonly Uint8Array[]): Promise<void>
  truncate(size: number): Promise<void>
  /** fdatasync. A failure is final: the bytes since the last success may be lost, and a retry proves nothing. */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface Network {
  /** Listens for TCP, or for TLS where `tls` is given. Resolves once bound; EADDRINUSE and its like reject. */
  listen(options: ListenOptions, accept: (connection: Socket) => void): Promise<Listener>
}

export interface ListenOptions {
  host: string
  /** 0 takes a free port. */
  port: number
  tls?: TlsOptions
}

export interface Listener extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** New handshakes use these certificates; connections that stand keep theirs. */
  setSecureContext(options: SecureContextOptions): void
  /** Stops accepting; connections that stand are their owner's to end. */
  close(): Promise<void>
}

/** Structured lines for the operator. Never record contents, never secrets. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
