/**
 * A strict Route 53 with one hosted zone, for what the emulator does not do: it refuses the DELETE of what is not there,
 * checks signatures and rights, can be busy, can lose an answer, and can leave a change PENDING. Its name server gives
 * the new answer once the change is settled.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { DnsRecordType } from '../../domain/dns-values.ts'
import { signatureError } from './aws-signature.ts'
import { type NameServer, startNameServer } from './name-server.ts'
import { type HeldSet, RecordStore, setXml } from './route53-records.ts'

export interface Route53Server {
  readonly endpoint: string
  readonly hostedZone: string
  readonly zone: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly nameServer: NameServer
  /** Requests that were answered, as `METHOD path`, changes with their actions. */
  readonly seen: string[]
  /** Batches that were made. */
  accepted: number
  /** Read and changed by the test; an HTTP request is checked against all rules. */
  sets: readonly HeldSet[]
  /** The next requests are answered with this error, one each. */
  errors: { readonly on: RegExp; readonly status: number; readonly code: string }[]
  /** Whether changes become INSYNC, and the name server gives the new answer. */
  settles: boolean
  /** The next change is made, and its answer never arrives. */
  loseAnswer: boolean
  /** Called when a change has arrived, before it is judged. */
  beforeChange: () => void
  isPrivate: boolean
  stop(): Promise<void>
}

export async function startRoute53(zone = 'kennel.example.'): Promise<Route53Server> {
  const store = new RecordStore()
  let served: readonly HeldSet[] = []
  const changes = new Map<string, readonly HeldSet[]>()

  const settle = (): void => {
    if (state.settles) served = store.sets
  }
  const nameServer = await startNameServer((name) => {
    settle()
    const [set] = served.filter((held) => held.name === name)
    return set ? { type: set.type as DnsRecordType, ttlSeconds: Number(set.ttl), values: set.values } : null
  })

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request)
    const url = new URL(request.url ?? '/', 'http://localhost')
    const actions = [...body.toString().matchAll(/<Action>(\w+)<\/Action>/g)].map(([, action]) => action)
    const what = [request.method, url.pathname, ...actions].join(' ')
    state.seen.push(what)
    const planned = state.errors.findIndex(({ on }) => on.test(what))
    const wrong = signatureError(request, body, { [state.accessKeyId]: state.secretAccessKey })
    if (wrong !== null) return fail(response, 403, wrong, 'as real Route 53 would')
    if (planned >= 0) {
      const [error] = state.errors.splice(planned, 1)
      return fail(response, error?.status ?? 500, error?.code ?? '', 'as the test wants it')
    }
    const [, , kind, id, part] = url.pathname.split('/')
    if (kind === 'change') {
      settle()
      return changes.has(id ?? '') ? send(response, 'GetChangeResponse', changeXml(id ?? '')) : fail(response, 404, 'NoSuchChange', 'no such change')
    }
    if (id !== state.hostedZone) return fail(response, 404, 'NoSuchHostedZone', `No hosted zone found with ID: ${id}`)
    if (part !== 'rrset') return send(response, 'GetHostedZoneResponse', zoneXml(state))
    if (request.method === 'GET') {
      const sets = store.listFrom(url.searchParams.get('name') ?? '').map(setXml)
      return send(
        response,
        'ListResourceRecordSetsResponse',
        `<ResourceRecordSets>${sets.join('')}</ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>`,
      )
    }
    state.beforeChange()
    const problem = store.apply(body.toString())
    if (problem !== null) return fail(response, 400, 'InvalidChangeBatch', problem)
    state.accepted += 1
    const change = `C${state.accepted}`
    changes.set(change, store.sets)
    if (!state.loseAnswer) return send(response, 'ChangeResourceRecordSetsResponse', changeXml(change))
    state.loseAnswer = false
    request.socket.destroy()
  }

  const changeXml = (id: string): string =>
    `<ChangeInfo><Id>/change/${id}</Id><Status>${state.settles ? 'INSYNC' : 'PENDING'}</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo>`

  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const state: Route53Server = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hostedZone: 'Z0123456789STRICT',
    zone,
    accessKeyId: 'AKIASTRICT',
    secretAccessKey: 'a/secret+with=signs',
    nameServer,
    seen: [],
    accepted: 0,
    get sets() {
      return store.sets
    },
    set sets(sets) {
      store.sets = sets
    },
    errors: [],
    settles: true,
    loseAnswer: false,
    beforeChange: () => {},
    isPrivate: false,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await nameServer.stop()
    },
  }
  return state
}

function zoneXml({ hostedZone, zone, isPrivate }: Route53Server): string {
  return `<HostedZone><Id>/hostedzone/${hostedZone}</Id><Name>${zone}</Name><CallerReference>x</CallerReference><Config><PrivateZone>${isPrivate}</PrivateZone></Config></HostedZone>`
}

function send(response: ServerResponse, root: string, inner: string): void {
  response.writeHead(200, { 'content-type': 'text/xml' })
  response.end(`<?xml version="1.0"?><${root} xmlns="https://route53.amazonaws.com/doc/2013-04-01/">${inner}</${root}>`)
}

function fail(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'text/xml' })
  response.end(
    `<?xml version="1.0"?><ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`,
  )
}
