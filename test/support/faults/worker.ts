/**
 * A worker in a process of its own that dies (or freezes) at an exact moment. It loads everything, says `ready`, and
 * polls only once it reads `go` on stdin: a replacement stands by without taking work. Further lines are
 * faults to arm; it answers with lines on stdout.
 */
import { createInterface } from 'node:readline'
import { Client } from '@temporalio/client'
import { NativeConnection } from '@temporalio/worker'
import { createAgent } from '../../../wiring/agent.ts'
import type { Places } from '../../../wiring/places.ts'
import { quietTemporal } from '../../../wiring/quiet-temporal.ts'
import { createWorkers, runWorkers } from '../../../workers/worker.ts'
import type { Arming } from './fault.ts'
import { createFaultyActivities } from './faulty-activities.ts'

interface Order {
  readonly places: Places
  readonly address: string
  readonly bundlePath: string
  readonly host: string
  readonly site: string
}

const order = JSON.parse(process.env['MUSTER_FAULT_ORDER'] ?? '{}') as Order
const say = (word: string, value: unknown = null) => process.stdout.write(`${word} ${JSON.stringify(value)}\n`)

quietTemporal()
const connection = await NativeConnection.connect({ address: order.address })
const agent = await createAgent({ places: order.places, host: order.host, site: order.site, temporal: new Client({ connection }) })
let release = () => {}
const faulty = createFaultyActivities(
  (report) => say('did', report),
  () =>
    new Promise((resolve) => {
      release = resolve
      say('held')
    }),
)
const going = new Promise<void>((resolve) => {
  createInterface({ input: process.stdin }).on('line', (line) => {
    if (line === 'go') return resolve()
    if (line === 'release') return release()
    faulty.arm(JSON.parse(line) as Arming)
    say('armed')
  })
})
say('ready')
await going
const workers = await createWorkers({
  connection,
  namespace: 'default',
  agent,
  roles: { workflows: true, site: true, host: true },
  bundle: { codePath: order.bundlePath },
  wrap: faulty.wrap,
})
say('polling')
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
await runWorkers(workers, stop.signal)
await connection.close()
