// `npm run sim`: crash states of the log, seed after seed, until the number asked for. Exits with 1 and the line that replays it when a check fails.
import { parseArgs } from 'node:util'
import { crashStates } from './crash-states.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    states: { type: 'string' },
    seeds: { type: 'string' },
    minutes: { type: 'string' },
  },
})

const statesPerSeed = 1000
const progressIntervalMs = 10_000
const { seed: onlySeed, states: statesText = onlySeed ? String(statesPerSeed) : '50000', seeds, minutes } = values
const statesWanted = seeds || minutes ? Infinity : count('states', statesText)
const seedsWanted = onlySeed ? 1 : seeds ? count('seeds', seeds) : Infinity
const endMs = performance.now() + (minutes ? count('minutes', minutes) * 60_000 : Infinity)
const firstSeed = onlySeed ? count('seed', onlySeed) : 1

let states = 0
let seed = firstSeed
let saidMs = performance.now()
const startedMs = saidMs
console.log(`sim: crash states of the encrypted log from seed ${firstSeed}`)
for (; seed < firstSeed + seedsWanted && states < statesWanted && performance.now() < endMs; seed++) {
  const statesMax = Math.min(onlySeed ? statesWanted : statesPerSeed, Math.max(statesWanted - states, 1))
  const result = await crashStates({ seed, statesMax })
  states += result.states
  if (onlySeed) console.log(`sim: seed ${seed} trace ${result.hash.slice(0, 16)}`)
  if (result.violations.length > 0) {
    for (const violation of result.violations) console.error(`sim: VIOLATION ${violation}`)
    console.error(`sim: replay with: npm run sim -- --seed ${seed} --states ${statesMax}`)
    process.exit(1)
  }
  if (performance.now() - saidMs < progressIntervalMs) continue
  saidMs = performance.now()
  console.log(`sim: ${states} states, ${seed - firstSeed + 1} seeds, ${((saidMs - startedMs) / 1000).toFixed(0)} s`)
}
const seconds = (performance.now() - startedMs) / 1000
console.log(`sim: ${states} crash states from ${seed - firstSeed} seeds in ${seconds.toFixed(1)} s: 0 acknowledged lost, 0 phantom, 0 false damage`)

function count(name: string, text: string): number {
  const number = Number(text)
  if (Number.isFinite(number) && number > 0) return number
  console.error(`sim: --${name} must be a positive number, not ${text}`)
  return process.exit(2)
}
