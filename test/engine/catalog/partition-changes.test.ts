import { describe, expect, it } from 'vitest'
import {
  born, reassigned, reverted, type Standing, without, withFresh, withInSync, withOnline, withMinInSync, withoutLost, withoutStopping, withPreferredLeader, withUncleanLeader,
} from '../../../src/engine/catalog/partition-changes.ts'
import type { Partition } from '../../../src/ports.ts'

/**
 * `leader@leaderEpoch.partitionEpoch replicas/in-sync`, then `~eligible` and `!lost` where there are such, and while it is being moved ` +adding-removing`; broker ids are
 * digits, `-` nobody.
 */
function read(text: string): Partition {
  const [, leader, leaderEpoch, partitionEpoch, replicas, inSync, eligible = '', lost = '', adding = '', removing = ''] =
    /^(\d|-)@(\d+)\.(\d+) (\d+)\/(\d*)(?:~(\d+))?(?:!(\d+))?(?: \+(\d*)-(\d*))?$/.exec(text)!
  const ids = (digits: string): number[] => [...digits].map(Number)
  return {
    index: 0, leader: leader === '-' ? -1 : Number(leader), leaderEpoch: Number(leaderEpoch), partitionEpoch: Number(partitionEpoch), replicas: ids(replicas!),
    inSyncReplicas: ids(inSync!), addingReplicas: ids(adding), removingReplicas: ids(removing), createdAtMs: 7,
    ...(eligible === '' ? {} : { eligibleReplicas: ids(eligible) }), ...(lost === '' ? {} : { lostReplicas: ids(lost) }),
  }
}

function show(one: Partition | string | undefined): string {
  if (one === undefined) return 'same'
  if (typeof one === 'string') return one
  const move = one.addingReplicas.length + one.removingReplicas.length > 0 ? ` +${one.addingReplicas.join('')}-${one.removingReplicas.join('')}` : ''
  const rest = `${one.eligibleReplicas === undefined ? '' : `~${one.eligibleReplicas.join('')}`}${one.lostReplicas === undefined ? '' : `!${one.lostReplicas.join('')}`}`
  return `${one.leader === -1 ? '-' : one.leader}@${one.leaderEpoch}.${one.partitionEpoch} ${one.replicas.join('')}/${one.inSyncReplicas.join('')}${rest}${move}`
}

const standing = (running: string, isUncleanAllowed = false, minInSync = 1): Standing => ({ runs: id => running.includes(String(id)), isUncleanAllowed, minInSync })

describe('a new partition', () => {
  it.each<[string, string, string]>([
    ['all of whose replicas run', '123', '1@0.0 123/123'],
    ['some of whose replicas run', '23', '2@0.0 123/23'],
    ['none of whose replicas run', '4', 'same'],
  ])('%s', (_, running, expected) => {
    expect(show(born(0, [1, 2, 3], standing(running).runs, 7))).toBe(expected)
  })
})

describe('a replica that is lost while its broker lives on', () => {
  it.each<[string, string, number, string]>([
    ['the leader', '1@3.5 123/123', 1, '2@4.6 123/23!1'],
    ['a follower: its leader hears it anew', '1@3.5 123/123', 3, '1@4.6 123/12!3'],
    ['a follower that is not in sync', '1@3.5 123/12', 3, '1@4.6 123/12!3'],
    ['the last one', '1@3.5 123/1', 1, '-@4.6 123/!1'],
    ['one that is in sync where nobody leads', '-@3.5 123/12', 2, '-@3.6 123/1!2'],
    ['of another partition', '1@3.5 12/12', 3, 'same'],
  ])('%s', (_, before, id, expected) => {
    expect(show(withoutLost(read(before), id, standing('123')))).toBe(expected)
  })
})

describe('a broker that is gone', () => {
  it.each<[string, string, number, string, string]>([
    ['hands leadership to the first in-sync replica', '1@3.5 123/123', 1, '23', '2@4.6 123/23'],
    ['hands it on in the order of the replicas', '1@3.5 132/321', 1, '23', '3@4.6 132/32'],
    ['is out of sync, which takes no election', '1@3.5 123/123', 3, '12', '1@3.6 123/12'],
    ['was not in sync', '1@3.5 123/12', 3, '12', 'same'],
    ['stays in sync as the last', '1@3.5 123/1', 1, '23', '-@4.6 123/1'],
    ['stays so', '-@4.6 123/1', 1, '23', 'same'],
    ['holds no replica', '1@3.5 123/123', 4, '123', 'same'],
    ['leaves a leader that wants to go', '1@3.5 123/13', 3, '2', '1@3.6 123/1'],
  ])('%s', (_, before, id, running, expected) => {
    expect(show(without(read(before), id, standing(running), 'kept'))).toBe(expected)
  })

  it.each<[string, string, string, string]>([
    ['is followed by one that is not in sync', '1@3.5 123/1', '23', '2@4.6 123/2'],
    ['is followed by one that is in sync, if there is one', '1@3.5 123/13', '23', '3@4.6 123/3'],
    ['is followed by nobody', '1@3.5 123/1', '', '-@4.6 123/1'],
  ])('with unclean elections %s', (_, before, running, expected) => {
    expect(show(without(read(before), 1, standing(running, true), 'kept'))).toBe(expected)
  })

  it.each<[string, string, string, boolean, string]>([
    ['leaves also as the last', '1@3.5 123/1', '23', false, '-@4.6 123/!1'],
    ['leaves also where it could not lead', '-@3.5 123/1', '23', false, '-@3.6 123/!1'],
    ['leaves others to lead', '1@3.5 123/12', '23', false, '2@4.6 123/2!1'],
    ['had nothing that anybody counted on', '2@3.5 123/23', '23', false, '2@3.6 123/23!1'],
    ['was no replica', '2@3.5 23/23', '23', false, 'same'],
    ['is followed uncleanly', '-@3.5 123/1', '23', true, '2@4.6 123/2!1'],
    ['is not its own successor', '1@3.5 123/1', '1', true, '-@4.6 123/!1'],
  ])('with its disk %s', (_, before, running, isUncleanAllowed, expected) => {
    expect(show(without(read(before), 1, standing(running, isUncleanAllowed), 'lost'))).toBe(expected)
  })
})

describe('a broker that wants to go', () => {
  it.each<[string, string, string, string]>([
    ['hands over', '1@3.5 123/123', '23', '2@4.6 123/23'],
    ['stays where nobody else is in sync', '1@3.5 123/1', '23', 'same'],
    ['stays where who is in sync does not run', '1@3.5 123/12', '3', 'same'],
    ['stops following', '2@3.5 123/123', '23', '2@3.6 123/23'],
    ['followed, not in sync', '2@3.5 123/23', '23', 'same'],
  ])('%s', (_, before, running, expected) => {
    expect(show(withoutStopping(read(before), 1, standing(running)))).toBe(expected)
  })
})

describe('brokers that have come', () => {
  it.each<[string, string, string, string, string, boolean, string]>([
    ['lead again what they led when the cluster stopped', '2@3.5 123/123', '123', '123', '', false, '2@4.6 123/123'],
    ['lead for who has not come', '1@3.5 123/123', '23', '23', '', false, '2@4.6 123/23'],
    ['cannot lead what they are not in sync with', '1@3.5 123/12', '3', '3', '', false, '-@4.6 123/12'],
    ['lead what had no leader', '-@4.6 123/12', '2', '32', '3', false, '2@5.7 123/2'],
    ['leave a leader alone', '1@3.5 123/12', '3', '123', '12', false, 'same'],
    ['leave one alone that wants to go', '1@3.5 123/1', '3', '3', '13', false, 'same'],
    ['lead uncleanly where that is allowed', '-@4.6 123/1', '3', '3', '', true, '3@5.7 123/3'],
    ['do not wake one whose storage failed', '-@4.6 123/1', '3', '13', '1', false, 'same'],
    ['change nothing where nobody can lead', '-@4.6 123/12', '3', '3', '', false, 'same'],
  ])('%s', (_, before, fresh, running, serving, isUncleanAllowed, expected) => {
    const serves = (id: number): boolean => serving.includes(String(id))
    expect(show(withFresh(read(before), new Set([...fresh].map(Number)), { ...standing(running, isUncleanAllowed), serves }))).toBe(expected)
  })
})

describe('in-sync replicas', () => {
  it.each<[string, string, string, string, string]>([
    ['shrink', '1@3.5 123/123', '12', '123', '1@3.6 123/12'],
    ['grow', '1@3.5 123/12', '123', '123', '1@3.6 123/123'],
    ['stay', '1@3.5 123/12', '12', '123', 'same'],
    ['complete a move', '1@3.5 231/12 +3-1', '123', '123', '2@4.6 23/23'],
    ['complete a move that keeps the leader', '2@3.5 231/12 +3-1', '123', '123', '2@4.6 23/23'],
    ['complete the removal of who was not in sync', '2@3.5 231/2 +3-1', '23', '123', '2@4.6 23/23'],
    ['do not complete a move that lacks one', '1@3.5 2341/12 +34-1', '123', '1234', '1@3.6 2341/123 +34-1'],
    ['complete an addition, which fences nobody', '1@3.5 123/12 +3-', '123', '123', '1@3.6 123/123'],
    ['let a leader go that wants to', '1@3.5 123/1', '13', '23', '3@4.6 123/3'],
    ['keep a leader that wants to go while nobody else is in sync', '1@3.5 123/12', '1', '3', '1@3.6 123/1'],
  ])('%s', (_, before, inSync, running, expected) => {
    expect(show(withInSync(read(before), [...inSync].map(Number), standing(running)))).toBe(expected)
  })
})

describe('an election', () => {
  it.each<[string, string, string, string]>([
    ['moves to the preferred replica', '2@3.5 123/123', '123', '1@4.6 123/123'],
    ['needs it in sync', '2@3.5 123/23', '123', 'same'],
    ['needs it running', '2@3.5 123/123', '23', 'same'],
    ['is not needed', '1@3.5 123/123', '123', 'same'],
    ['takes any that is in sync where nobody leads', '-@3.5 123/3', '123', '3@4.6 123/3'],
    ['takes nobody else', '-@3.5 123/3', '12', 'same'],
  ])('of the preferred replica %s', (_, before, running, expected) => {
    expect(show(withPreferredLeader(read(before), standing(running)))).toBe(expected)
  })

  it.each<[string, string, string, string]>([
    ['takes who runs', '-@3.5 123/1', '23', '2@4.6 123/2'],
    ['passes over who could not serve', '-@3.5 123/1', '13', '3@4.6 123/3'],
    ['takes that one where there is no other', '-@3.5 123/1', '1', '1@4.6 123/1'],
    ['takes nobody who does not run', '-@3.5 123/', '', 'same'],
    ['takes one where nobody is in sync', '-@3.5 123/', '3', '3@4.6 123/3'],
    ['is not for what has a leader', '1@3.5 123/1', '123', 'same'],
  ])('that may lose records %s', (_, before, running, expected) => {
    expect(show(withUncleanLeader(read(before), standing(running)))).toBe(expected)
  })

  it.each<[string, string, string, string]>([
    ['leads again', '-@3.5 123/1', '123', '1@4.6 123/1'],
    ['is not in sync', '-@3.5 123/2', '123', 'same'],
    ['does not run', '-@3.5 123/1', '23', 'same'],
    ['is not needed', '2@3.5 123/12', '123', 'same'],
  ])('of a replica whose storage is back: it %s', (_, before, running, expected) => {
    expect(show(withOnline(read(before), 1, standing(running)))).toBe(expected)
  })
})

describe('a move', () => {
  it.each<[string, string, string, string]>([
    ['adds before it removes', '1@3.5 123/123', '145', '1@3.6 14523/123 +45-23'],
    ['to fewer replicas is done at once', '1@3.5 123/123', '12', '1@4.6 12/12'],
    ['away from the leader is done at once where the others are in sync', '1@3.5 123/123', '32', '3@4.6 32/23'],
    ['to fewer waits for those that are not in sync', '1@3.5 123/12', '13', '1@3.6 132/12 +-2'],
    ['that only changes the order', '1@3.5 123/123', '321', '1@3.6 321/123'],
    ['to where it is', '1@3.5 123/123', '123', 'same'],
    ['to other brokers keeps all until then', '1@3.5 12/12', '34', '1@3.6 3412/12 +34-12'],
    ['in place of another adds to what was there first', '1@3.5 3412/12 +34-12', '35', '1@3.6 35124/12 +345-124'],
    ['in place of another keeps what that one wanted to remove', '1@3.5 3412/12 +34-12', '31', '1@3.6 3124/12 +34-24'],
    ['back is done at once', '1@3.5 3412/12 +34-12', '12', '1@4.6 12/12'],
  ])('%s', (_, before, target, expected) => {
    expect(show(reassigned(read(before), [...target].map(Number), standing('123456')))).toBe(expected)
  })

  it.each<[string, string, boolean, string]>([
    ['leaves what was there', '1@3.5 3412/12 +34-12', false, '1@4.6 12/12'],
    ['keeps what was to be removed and takes back what was added', '1@3.5 142/124 +4-2', false, '1@4.6 12/12'],
    ['moves the leader back', '4@3.5 412/124 +4-2', false, '1@4.6 12/12'],
    ['of a replaced move leaves neither', '1@3.5 35124/12 +345-124', false, '1@4.6 12/12'],
    ['would lose records', '4@3.5 412/4 +4-2', false, 'unclean'],
    ['may lose records', '4@3.5 412/4 +4-2', true, '1@4.6 12/1'],
  ])('that is given up %s', (_, before, isUncleanAllowed, expected) => {
    expect(show(reverted(read(before), standing('1234', isUncleanAllowed)))).toBe(expected)
  })
})

describe('an eligible replica', () => {
  const two = (running: string, isUncleanAllowed = false): Standing => standing(running, isUncleanAllowed, 2)

  it.each<[string, string, number, string, string]>([
    ['is one that left when too few stayed', '1@3.5 123/12', 2, '1', '1@3.6 123/1~2'],
    ['is not one that left when enough stayed', '1@3.5 123/123', 3, '12', '1@3.6 123/12'],
    ['is joined by the next that leaves', '1@3.5 1234/12~34', 2, '1', '1@3.6 1234/1~234'],
    ['takes over from the last one in sync, which is eligible from then on', '1@3.5 123/1~23', 1, '23', '2@4.6 123/2~13'],
    ['does not where it does not run', '1@3.5 123/1~23', 1, '', '-@4.6 123/1~23'],
    ['gives way to one that is in sync', '1@3.5 1234/14~23', 1, '234', '4@4.6 1234/4~123'],
    ['stays one while it is away', '1@3.5 123/1~23', 3, '12', 'same'],
  ])('of a broker that is gone %s', (_, before, id, running, expected) => {
    expect(show(without(read(before), id, two(running), 'kept'))).toBe(expected)
  })

  it.each<[string, string, number, string, string]>([
    ['takes over from the last one in sync', '1@3.5 123/1~23', 1, '123', '2@4.6 123/2~3!1'],
    ['takes over where nobody led', '-@3.5 123/1~23', 1, '23', '2@4.6 123/2~3!1'],
    ['is none any more where what it had is lost; the leader hears it anew', '1@3.5 123/1~23', 3, '123', '1@4.6 123/1~2!3'],
    ['is missing where nobody else was in sync when too few were', '1@3.5 123/1', 1, '123', '-@4.6 123/!1'],
  ])('when a disk is lost %s', (_, before, id, running, expected) => {
    expect(show(withoutLost(read(before), id, two(running)))).toBe(expected)
  })

  it.each<[string, string, number, string, string]>([
    ['takes over from one whose storage cannot serve, which is out of reach', '1@3.5 123/1~23', 1, '123', '2@4.6 123/2~3'],
    ['is none while its own cannot', '1@3.5 123/1~23', 3, '123', '1@3.6 123/1~2'],
    ['leaves the last one in sync where it does not run', '1@3.5 123/1~23', 1, '1', '-@4.6 123/1~23'],
  ])('%s', (_, before, id, running, expected) => {
    expect(show(without(read(before), id, two(running), 'offline'))).toBe(expected)
  })

  it.each<[string, string, string, string]>([
    ['is none once enough are in sync', '1@3.5 123/1~23', '12', '1@3.6 123/12'],
    ['is one that a leader found behind, when too few stay', '1@3.5 123/123', '1', '1@3.6 123/1~23'],
    ['is none of a partition with fewer replicas than are asked for', '1@3.5 1/1', '1', 'same'],
    ['is none that is no replica any more', '1@3.5 2341/1~23 +4-1', '14', '1@3.6 2341/14 +4-1'],
  ])('%s', (_, before, inSync, expected) => {
    expect(show(withInSync(read(before), [...inSync].map(Number), two('1234')))).toBe(expected)
  })

  it('is none once fewer in-sync replicas are enough, and is not made by asking for more', () => {
    expect(show(withMinInSync(read('1@3.5 123/1~23'), standing('1')))).toBe('1@3.6 123/1')
    expect(show(withMinInSync(read('1@3.5 123/1~23'), standing('1', false, 3)))).toBe('same')
    expect(show(withMinInSync(read('1@3.5 123/12'), standing('1', false, 3)))).toBe('same')
    expect(show(withMinInSync(read('-@3.5 123/~23'), standing('1')))).toBe('same')
  })

  it.each<[string, string, string, string, string]>([
    ['leads where nobody did', '-@4.6 123/1~23', '3', '3', '3@5.7 123/3~12'],
    ['waits for one in sync that comes with it', '-@4.6 123/1~23', '13', '13', '1@5.7 123/1~23'],
    ['leaves a leader alone', '1@4.6 123/1~23', '3', '13', 'same'],
  ])('that comes %s', (_, before, fresh, running, expected) => {
    expect(show(withFresh(read(before), new Set([...fresh].map(Number)), { ...two(running), serves: id => running.includes(String(id)) }))).toBe(expected)
  })

  it('leads where an operator asks for any leader, or its storage is back', () => {
    expect(show(withPreferredLeader(read('-@3.5 123/1~23'), two('23')))).toBe('2@4.6 123/2~13')
    expect(show(withPreferredLeader(read('-@3.5 123/1~23'), two('123')))).toBe('1@4.6 123/1~23')
    expect(show(withOnline(read('-@3.5 123/~23!1'), 3, two('3')))).toBe('3@4.6 123/3~2!1')
  })

  it('is taken before any election that loses records; such a one leaves none', () => {
    expect(show(withUncleanLeader(read('-@3.5 123/~3!1'), two('123')))).toBe('3@4.6 123/3!1')
    expect(show(without(read('1@3.5 123/1~3'), 1, two('23', true), 'kept'))).toBe('3@4.6 123/3~1')
    expect(show(withUncleanLeader(read('-@3.5 1234/1~4'), two('23')))).toBe('2@4.6 1234/2')
    expect(show(without(read('1@3.5 1234/1~4'), 1, two('23', true), 'kept'))).toBe('2@4.6 1234/2')
  })
})

describe('a replica whose records were lost', () => {
  it('is taken by an election that loses records only where there is no other', () => {
    expect(show(withUncleanLeader(read('-@3.5 123/!1'), standing('123')))).toBe('2@4.6 123/2!1')
    expect(show(withUncleanLeader(read('-@3.5 123/!1'), standing('1')))).toBe('1@4.6 123/1')
    expect(show(withUncleanLeader(read('-@3.5 123/2!1'), standing('12')))).toBe('2@4.6 123/2!1')
    expect(show(without(read('3@3.5 123/3!1'), 3, standing('12', true), 'kept'))).toBe('2@4.6 123/2!1')
  })

  it('is one like any other once it is in sync, or no replica any more', () => {
    expect(show(withInSync(read('2@3.5 123/2!13'), [1, 2], standing('123')))).toBe('2@3.6 123/12!3')
    expect(show(reassigned(read('2@3.5 123/23!1'), [2, 3], standing('123')))).toBe('2@4.6 23/23')
  })

  it('is remembered where it was not in sync, too', () => {
    expect(show(without(read('2@3.5 123/23'), 1, standing('23'), 'lost'))).toBe('2@3.6 123/23!1')
    expect(show(without(read('2@3.6 123/23!1'), 1, standing('23'), 'lost'))).toBe('same')
  })
})
