/** Temporal: answers, keeps histories long enough, has workers, and runs the schedules of the configuration. */
import { connect as openSocket } from 'node:net'
import type { Client } from '@temporalio/client'
import { connectConfig, connectTemporal } from '../../clients/connection.ts'
import { applySchedules, schedulePrefix } from '../../clients/schedules.ts'
import { adoptCommand, heldText } from '../../clients/standing-text.ts'
import { configHash } from '../../config/canonical.ts'
import { formatDuration } from '../../domain/durations.ts'
import { MusterError } from '../../domain/failures.ts'
import { searchAttributeTypes } from '../../domain/search-attributes.ts'
import { standingHere } from '../adoption.ts'
import type { Examined, Findings } from './findings.ts'

const about = 'temporal'
const leastRetentionSeconds = 30 * 86_400

export async function examineTemporal(findings: Findings, examined: Examined): Promise<void> {
  const { connectionOptions, namespace } = connectConfig()
  const address = connectionOptions.address ?? '127.0.0.1:7233'
  const client = await connect(address).catch((error: unknown) => {
    if (examined.applied) findings.failed(about, error)
    else findings.warning(about, `${error instanceof Error ? error.message : String(error)}: it is started later`, 'muster up')
    return null
  })
  if (!client) return
  try {
    findings.ok(about, `answers at ${address}, namespace ${namespace}`)
    await findings.look(about, () => examineNamespace(findings, client, namespace))
    await findings.look(about, () => examineStanding(findings, examined, client))
    await findings.look(about, () => examineAttributes(findings, client, namespace))
    await findings.look(about, () => examineWorkers(findings, examined, client, namespace))
    await findings.look('schedules', () => examineSchedules(findings, examined, client))
  } finally {
    await client.connection.close().catch(() => undefined)
  }
}

/** A port that nobody listens on is said at once; the client would go on trying. */
async function connect(address: string): Promise<Client> {
  const refused = await new Promise<boolean>((resolve) => {
    const colon = address.lastIndexOf(':')
    const socket = openSocket({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)), timeout: 2000 })
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(false))
    socket.once('timeout', () => end(false))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED'))
  })
  if (refused) throw new MusterError('TemporalUnreachable', `Temporal does not answer at ${address}`)
  return connectTemporal(5)
}

async function examineNamespace(findings: Findings, client: Client, namespace: string): Promise<void> {
  const { config } = await client.workflowService.describeNamespace({ namespace })
  const seconds = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0)
  const text = `histories are kept for ${formatDuration(seconds)}`
  if (seconds < leastRetentionSeconds) findings.warning(about, text, `temporal operator namespace update --retention 30d -n ${namespace}`)
  else findings.ok(about, text)
}

/** Workers ask themselves the same before they take work. */
async function examineStanding(findings: Findings, { applied, places }: Examined, client: Client): Promise<void> {
  if (!applied) return
  const standing = await standingHere(places, client)
  if (standing.held) findings.problem(about, `workers are held back: ${heldText(standing)}`, adoptCommand)
  else findings.ok(about, 'knows the newest run that the repository knows')
  const { unread, doubts } = standing
  if (unread.length > 0) findings.warning(about, `not compared with what these stores know of runs, they did not give it: ${unread.join(', ')}`, 'mend them')
  if (doubts.length > 0)
    findings.warning(
      about,
      `${doubts.length} documents do not count there; ${doubts[0]}`,
      'muster scenario security-breach SYSTEM --lift RUN takes a suspicion back',
    )
}

async function examineAttributes(findings: Findings, client: Client, namespace: string): Promise<void> {
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace })
  const missing = Object.keys(searchAttributeTypes).filter((name) => customAttributes?.[name] === undefined)
  if (missing.length === 0) return findings.ok(about, 'its search attributes are there')
  findings.problem(about, `search attributes are missing: ${missing.join(', ')}`, 'the worker registers them when it starts: muster up, or muster worker')
}

const queueTypes = { workflow: 1, activity: 2 } as const

/** A queue that nobody polls is where runs wait for ever. */
async function examineWorkers(findings: Findings, { config, systems }: Examined, client: Client, namespace: string): Promise<void> {
  const hosts = new Set(systems.flatMap((system) => Object.values(config.systems[system]?.components ?? {}).map(({ host }) => host)))
  const queues = [
    { name: 'muster', type: queueTypes.workflow, start: 'muster up, or: muster worker --workflows' },
    ...Object.keys(config.sites)
      .slice(0, 1)
      .map((site) => ({ name: `muster-site-${site}`, type: queueTypes.activity, start: `muster worker --site ${site} --site-queue` })),
    ...[...hosts].flatMap((host) =>
      [`muster-host-${host}`, `muster-host-${host}-urgent`].map((name) => ({
        name,
        type: queueTypes.activity,
        start: `on that host: muster worker --host ${host}`,
      })),
    ),
  ]
  const served: string[] = []
  for (const { name, type, start } of queues) {
    const { pollers } = await client.workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType: type })
    if ((pollers ?? []).length > 0) served.push(name)
    else findings.problem(about, `no worker serves the queue ${name}`, start)
  }
  if (served.length > 0) findings.ok(about, `workers serve ${served.join(', ')}`)
}

async function examineSchedules(findings: Findings, { config }: Examined, client: Client): Promise<void> {
  const changes = (await applySchedules(client, config, configHash(config), false)).filter(({ change }) => change !== 'keep')
  for (const { id, change } of changes) {
    const what = { create: 'is missing', update: 'is not as configured', remove: 'is not configured any more', keep: '' }[change]
    findings.warning('schedules', `${id} ${what}`, 'muster apply')
  }
  if (changes.length === 0) findings.ok('schedules', 'are as configured')
  for await (const schedule of client.schedule.list()) {
    if (schedule.scheduleId.startsWith(schedulePrefix(config)) && schedule.state.paused) {
      findings.warning(
        'schedules',
        `${schedule.scheduleId} is paused${schedule.state.note ? `: ${schedule.state.note}` : ''}`,
        `temporal schedule toggle --unpause --schedule-id ${schedule.scheduleId}`,
      )
    }
  }
}
