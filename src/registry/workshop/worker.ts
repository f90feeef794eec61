// A worker's thread: does one job after the other, as they come.
import { parentPort } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'
import { takeTime } from '../json-schema/validator.ts'
import { type JobName, jobs } from './jobs.ts'

assert(parentPort !== null, 'a worker has a parent')
const port = parentPort

port.on('message', ({ name, input }: { name: JobName; input: never }) => {
  port.postMessage({ output: jobs[name](input) })
})
takeTime()
// The modules are loaded: from here on the time of a job is its own.
port.postMessage({ ready: true })
