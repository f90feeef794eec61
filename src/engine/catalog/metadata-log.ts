// `__cluster_metadata` as one log kept in the directories of several brokers: every copy takes every batch, at the same offset and in the same epoch, and
// what a majority of the voters has on disk is committed. A copy that cannot be written drops out and the others go on; once fewer than a majority of the
// voters are left, nothing is committed any more. A copy whose disk is full does not drop out: it waits for room and catches up, and so does what is to be
// committed, if need be, since brokers that share one disk find it full all at once.
//
// There is one writer, the process that holds the directories, so nobody votes. What elections are for all the same: before the first write, an epoch
// that nobody had is noted durably beside a majority of the copies, so that two batches of one epoch and offset are one batch, whichever copies are there
// at the next start.
import { type Deferred, deferred } from '../../base/deferred.ts'
import { type QuorumReplica, Refusal } from '../../ports.ts'
import type { Batch } from '../../wire/batch.ts'
import type { Clock, Logger } from '../../world/world.ts'
import { EngineError } from '../directory.ts'
import { Log } from '../log/log.ts'
import type { MachineLog } from '../machine.ts'
import type { Voter } from './commands.ts'
import { catchUp, filled, type MetadataCopy, notedEpoch, noteEpoch } from './metadata-copy.ts'

export interface MetadataLogOptions {
  readonly copies: readonly MetadataCopy[]
  /** Whom the best copy names. */
  readonly voters: readonly Voter[]
  readonly clock: Clock
  readonly logger: Logger
}

interface Member extends Omit<MetadataCopy, 'log'> {
  log: Log
  /** Its disk was full: it takes nothing until it has been opened again. */
  isWaiting: boolean
  durableEndOffset: number
  lastAppendMs: number
  lastCaughtUpMs: number
}

interface Pending {
  readonly batch: Batch
  readonly endOffset: number
  readonly durable: Deferred<void>
}

/** The records of one decision stand or fall together, so a batch may be large. */
const batchBytesMax = 32 * 1024 * 1024
/** What may wait for room. */
const pendingBytesMax = 64 * 1024 * 1024

export class MetadataLog implements MachineLog {
  /** Resolves when fewer than a majority of the voters can be written. */
  readonly failure: Promise<Error>
  readonly leaderEpoch: number
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #members: Member[] = []
  readonly #failed = Promise.withResolvers<Error>()
  /** Logs of copies that dropped out, until they are closed. */
  readonly #closing = new Set<Promise<void>>()
  /** A majority of each of these: of the voters, and of those that are to take their place. */
  #quorums: readonly (readonly Voter[])[]
  #pending: Pending[] = []
  #pendingBytes = 0
  /** Whether full disks are waited for; at the start they are a reason not to. */
  #isPatient = false
  #endOffset = 0
  #committed = 0
  /** Why nothing is committed any more. */
  #stopped: Error | undefined
  /** Why the copy that dropped out last did. */
  #fault: Error | undefined

  private constructor({ clock, logger, voters }: MetadataLogOptions, leaderEpoch: number) {
    this.failure = this.#failed.promise
    this.leaderEpoch = leaderEpoch
    this.#clock = clock
    this.#logger = logger
    this.#quorums = [voters]
  }

  /**
   * Makes the copies agree with the best one (latest epoch, then longest): what another has beyond or beside it is cut off, what it lacks is filled in.
   * Rejects with an EngineError where fewer than a majority of the voters are there. A copy that cannot be made to agree is left out and closed.
   */
  static async open(options: MetadataLogOptions): Promise<MetadataLog> {
    const { copies, voters, clock, logger } = options
    const present = copies.filter(copy => voters.some(voter => isOf(copy, voter)))
    const needed = majority(voters.length)
    if (present.length < needed) throw tooFew(voters, present)
    const best = bestOf(copies)
    const noted = await Promise.all(copies.map(copy => notedEpoch(copy)))
    const epoch = Math.max(best.log.latestEpoch, ...noted) + 1
    const agreed: MetadataCopy[] = []
    const unusable: MetadataCopy[] = []
    for (const copy of copies) {
      try {
        await noteEpoch(copy, epoch)
        agreed.push(copy === best ? copy : { ...copy, log: await filled(copy, best.log) })
      } catch (error) {
        logger.error({ broker: copy.id, directory: copy.options.directory, error: String(error) }, 'a copy of the catalog cannot be used')
        unusable.push(copy)
      }
    }
    await Promise.all(unusable.map(copy => closed(copy.log)))
    const able = agreed.filter(copy => voters.some(voter => isOf(copy, voter)))
    if (able.length < needed) {
      await Promise.all(agreed.map(copy => closed(copy.log)))
      throw tooFew(voters, able)
    }
    const log = new MetadataLog(options, epoch)
    for (const copy of agreed) log.#join(copy, clock.now())
    log.#endOffset = log.#committed = best.log.endOffset
    return log
  }

  get startOffset(): number {
    return this.#members[0]?.log.startOffset ?? this.#endOffset
  }

  get endOffset(): number {
    return this.#endOffset
  }

  /** Everything below is on the disks of a majority. */
  get committedOffset(): number {
    return this.#committed
  }

  /** The ids whose copies take part, voters or not. */
  get members(): readonly number[] {
    return this.#members.map(member => member.id)
  }

  append(batch: Batch): { readonly durable: Promise<void> } | Refusal {
    if (this.#stopped !== undefined) return new Refusal('storage-error', `the catalog cannot be written: ${this.#stopped.message}`)
    if (batch.bytes.length > batchBytesMax) {
      return new Refusal('message-too-large', `a change of the catalog takes ${batch.bytes.length} bytes, at most ${batchBytesMax}; ask for less at once`)
    }
    if (this.#pendingBytes > pendingBytesMax) return new Refusal('storage-error', 'the catalog cannot be written: the disks that hold it are full')
    batch.assign(this.#endOffset, this.leaderEpoch)
    const taken = this.#members.filter(member => !member.isWaiting).map(member => ({ member, appended: member.log.appendReplicated([batch]) }))
    this.#endOffset = batch.nextOffset
    const durable = deferred()
    this.#pending.push({ batch, endOffset: this.#endOffset, durable })
    this.#pendingBytes += batch.bytes.length
    for (const { member, appended } of taken) {
      if (appended instanceof Refusal) this.#lost(member, new Error(appended.message))
      else void this.#watch(member, batch.nextOffset, appended.durable)
    }
    return { durable: durable.promise }
  }

  async read(from: number, bytesMax: number): Promise<readonly Batch[] | Refusal> {
    let refusal = new Refusal('storage-error', 'no copy of the catalog can be read')
    for (const { log } of this.#members) {
      const batches = await log.read(from, { bytesMax, atLeastOne: true, upTo: log.endOffset })
      if (!(batches instanceof Refusal)) return batches
      refusal = batches
    }
    return refusal
  }

  /** Of every copy, as far as it is durable there. */
  async deleteBefore(offset: number): Promise<void> {
    await Promise.all(this.#members.map(async member => {
      try {
        if (!member.isWaiting) await member.log.deleteBefore(offset)
      } catch (error) {
        this.#lost(member, error as Error)
      }
    }))
  }

  /** Fills the copy and lets it take every batch from then on. In place of one of the same id, if there is one. Rejects where it cannot be filled. */
  async add(copy: MetadataCopy): Promise<void> {
    this.remove(copy.id)
    await noteEpoch(copy, this.leaderEpoch)
    const log = await filled(copy, this.#source())
    // More may have come while the last of it was being made durable.
    while (log.endOffset < this.#endOffset) await catchUp(log, this.#source())
    this.#join({ ...copy, log }, this.#clock.now())
  }

  /** From now on a copy whose disk is full waits for room; `reopenFull` sees whether there is some. */
  beginPatience(): void {
    this.#isPatient = true
  }

  /** What cannot be committed without a full disk is given up: nobody waits for room any more. */
  endPatience(): void {
    this.#isPatient = false
    this.#giveUpIfFull()
  }

  /** Copies that wait for room are not enough without each other; another may drop out later. */
  #giveUpIfFull(): void {
    const able = this.#quorums.every(voters => voters.filter(voter => this.#members.some(member => !member.isWaiting && isOf(member, voter))).length >= majority(voters.length))
    if (!able && this.#pending.length > 0) this.#stop(new Error('the disks that hold the catalog are full'))
  }

  /** Opens copies again whose disks were full, and gives them what they lack. One that still has no room waits on. */
  async reopenFull(): Promise<void> {
    // Who has the most goes first: where all of them wait, the others can be filled from it.
    const waiting = this.#members.filter(({ isWaiting }) => isWaiting).toSorted((a, b) => b.durableEndOffset - a.durableEndOffset)
    for (const member of waiting) {
      try {
        await this.#reopen(member)
      } catch (error) {
        await closed(member.log)
        // Its disk is worse than full.
        if ((error as { code?: unknown }).code === 'EIO') {
          member.options.onFailure?.(error as Error)
          this.#drop(member, error as Error)
        }
      }
      // It was taken away meanwhile.
      if (!this.#members.includes(member)) await closed(member.log)
    }
  }

  async #reopen(member: Member): Promise<void> {
    await closed(member.log)
    member.log = await Log.open(member.options)
    const source = this.#members.find(one => !one.isWaiting)?.log
    if (source !== undefined) member.log = await filled(member, source)
    const { log } = member
    for (let next = this.#after(log); next !== undefined; next = this.#after(log)) {
      const appended = log.appendReplicated([next])
      if (appended instanceof Refusal) throw new Error(appended.message)
      await appended.durable
    }
    if (log.endOffset !== this.#endOffset || this.#stopped !== undefined) return
    member.isWaiting = false
    member.durableEndOffset = log.durableEndOffset
    member.lastAppendMs = member.lastCaughtUpMs = this.#clock.now()
    this.#logger.info({ broker: member.id }, 'a copy of the catalog takes part again: its disk has room')
    this.#settle()
  }

  /** Of what is not committed yet, the batch that the log lacks first. */
  #after(log: Log): Batch | undefined {
    return this.#pending.find(({ batch }) => batch.baseOffset === log.endOffset)?.batch
  }

  #source(): Log {
    const member = this.#members.find(one => !one.isWaiting)
    if (member === undefined) throw new Error('there is no other copy of the catalog to fill this one from')
    return member.log
  }

  /** From now on, what is committed needs a majority of these, too. Before the record is appended that names them. */
  proposeVoters(voters: readonly Voter[]): void {
    this.#quorums = [this.#quorums[0]!, voters]
    this.#settle()
  }

  /** The record that names them is committed: they alone count. */
  adoptVoters(): void {
    this.#quorums = this.#quorums.slice(-1)
    this.#settle()
  }

  /** The record that names them was never appended: those before them alone count. */
  withdrawVoters(): void {
    this.#quorums = this.#quorums.slice(0, 1)
    this.#settle()
  }

  /** The copy takes no further part. */
  remove(id: number): void {
    const member = this.#members.find(one => one.id === id)
    if (member !== undefined) this.#drop(member, undefined)
  }

  /** The copy's disk is not to be trusted any more. */
  failed(id: number, error: Error): void {
    const member = this.#members.find(one => one.id === id)
    if (member !== undefined) this.#drop(member, error)
  }

  status(): readonly QuorumReplica[] {
    return this.#quorums.at(-1)!.map(voter => {
      const member = this.#members.find(one => isOf(one, voter))
      return {
        id: voter.id,
        logEndOffset: (member?.isWaiting === true ? member.durableEndOffset : member?.log.endOffset) ?? -1,
        lastFetchMs: member?.lastAppendMs ?? -1,
        lastCaughtUpMs: member?.lastCaughtUpMs ?? -1,
      }
    })
  }

  /** Lets what was appended become durable, as far as it can, and closes every copy. */
  async close(): Promise<void> {
    await Promise.all(this.#members.map(member => closed(member.log)))
    await Promise.all(this.#closing)
    this.#members.length = 0
    this.#stop(new Error('the catalog is closed'))
  }

  #join(copy: MetadataCopy, nowMs: number): void {
    this.#members.push({ ...copy, isWaiting: false, durableEndOffset: copy.log.durableEndOffset, lastAppendMs: nowMs, lastCaughtUpMs: nowMs })
    this.#members.sort((a, b) => a.id - b.id)
  }

  async #watch(member: Member, endOffset: number, written: Promise<void>): Promise<void> {
    try {
      await written
    } catch (error) {
      this.#lost(member, error as Error)
      return
    }
    member.durableEndOffset = Math.max(member.durableEndOffset, endOffset)
    member.lastAppendMs = this.#clock.now()
    if (member.durableEndOffset === this.#endOffset) member.lastCaughtUpMs = member.lastAppendMs
    this.#settle()
  }

  /** Tells who waits what a majority has by now. */
  #settle(): void {
    const ends = this.#quorums.map(voters => {
      const held = voters.map(voter => this.#members.find(member => isOf(member, voter))?.durableEndOffset ?? -1).toSorted((a, b) => b - a)
      return held[majority(held.length) - 1]!
    })
    const end = Math.min(...ends)
    this.#committed = Math.max(this.#committed, end)
    const left = this.#pending.findIndex(one => one.endOffset > this.#committed)
    for (const { durable, batch } of this.#pending.splice(0, left < 0 ? this.#pending.length : left)) {
      this.#pendingBytes -= batch.bytes.length
      durable.resolve()
    }
    if (end < 0 && this.#stopped === undefined) {
      const error = new Error(`too few of the directories that hold the catalog can be written${this.#fault === undefined ? '' : `: ${this.#fault.message}`}`)
      this.#stop(error)
      this.#failed.resolve(error)
    }
  }

  /** The copy could not be written. */
  #lost(member: Member, error: Error): void {
    if (member.isWaiting) return
    if (!this.#isPatient || member.log.full === undefined || !this.#members.includes(member)) return this.#drop(member, error)
    member.isWaiting = true
    this.#logger.error({ broker: member.id, error: error.message }, 'the disk that holds a copy of the catalog is full; the copy waits for room')
  }

  #drop(member: Member, error: Error | undefined): void {
    this.#fault = error ?? this.#fault
    const at = this.#members.indexOf(member)
    if (at < 0) return
    this.#members.splice(at, 1)
    if (error !== undefined) {
      this.#logger.error({ broker: member.id, error: error.message, left: this.#members.length }, 'a copy of the catalog cannot be written and takes no further part')
    }
    const closing = closed(member.log).finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
    this.#settle()
    if (!this.#isPatient) this.#giveUpIfFull()
  }

  #stop(error: Error): void {
    this.#stopped ??= error
    for (const { durable } of this.#pending.splice(0)) durable.reject(this.#stopped)
  }
}

/** The one that has everything that was ever committed, if a majority of the voters is among them. */
export function bestOf(copies: readonly MetadataCopy[]): MetadataCopy {
  return copies.reduce((best, copy) => {
    const epochs = copy.log.latestEpoch - best.log.latestEpoch
    return epochs > 0 || (epochs === 0 && copy.log.endOffset > best.log.endOffset) ? copy : best
  })
}

function isOf(copy: Pick<MetadataCopy, 'id' | 'directory'>, voter: Voter): boolean {
  return copy.id === voter.id && copy.directory === voter.directory
}

function majority(count: number): number {
  return Math.floor(count / 2) + 1
}

function tooFew(voters: readonly Voter[], present: readonly Pick<MetadataCopy, 'id'>[]): EngineError {
  const missing = voters.filter(voter => !present.some(copy => copy.id === voter.id)).map(voter => voter.id)
  return new EngineError('unusable', `the catalog is held by brokers ${voters.map(voter => voter.id).join(', ')}, and ${majority(voters.length)} of their directories are needed; `
    + `those of broker(s) ${missing.join(', ')} are missing, blank or unreadable`)
}

/** Closes a log whose disk may have failed. */
async function closed(log: Log): Promise<void> {
  await log.close().catch(() => {})
}
