/** A name server of the test's own, for what real ones do only when they are broken. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { type Answer, decode, encode, type Packet, streamDecode, streamEncode } from 'dns-packet'
import type { DnsRecordType } from '../../domain/dns-values.ts'
import { freeNetwork } from './free-port.ts'

export interface ServedRecord {
  readonly type: DnsRecordType
  readonly ttlSeconds: number
  readonly values: readonly string[]
}

export type Behaviour =
  | 'answers'
  | 'SERVFAIL'
  | 'REFUSED'
  | 'is silent'
  | 'has no authority'
  | 'sends rubbish'
  | 'answers another question first'
  /** Over UDP it says that the answer does not fit. */
  | 'truncates'
  | 'truncates and is silent over TCP'

export interface NameServer {
  readonly address: string
  readonly port: number
  behaviour: Behaviour
  /** Questions so far, with the way they came. */
  readonly asked: { readonly over: 'udp' | 'tcp'; readonly name: string; readonly recursive: boolean }[]
  stop(): Promise<void>
}

/** @param find the record of a name from the root, or null where there is none */
export async function startNameServer(find: (name: string) => ServedRecord | null | Promise<ServedRecord | null>): Promise<NameServer> {
  const network = await freeNetwork()
  const [address, port] = [network.address(1), network.port]
  const udp = createSocket('udp4')
  await new Promise<void>((resolve) => udp.bind(port, address, resolve))
  const server: NameServer = {
    address,
    port,
    behaviour: 'answers',
    asked: [],
    stop: async () => {
      await new Promise<void>((resolve) => udp.close(() => resolve()))
      await new Promise((resolve) => tcp.close(resolve))
    },
  }

  const respond = async (query: Packet, over: 'udp' | 'tcp'): Promise<Packet | 'silence' | 'rubbish'> => {
    const [question] = query.questions ?? []
    const name = `${question?.name ?? ''}.`
    server.asked.push({ over, name, recursive: ((query.flags ?? 0) & 0x100) !== 0 })
    const base: Packet = { type: 'response', id: query.id ?? 0, questions: query.questions ?? [] }
    const { behaviour } = server
    if (behaviour === 'SERVFAIL') return { ...base, flags: 2 }
    if (behaviour === 'REFUSED') return { ...base, flags: 5 }
    if (behaviour === 'is silent') return 'silence'
    if (behaviour === 'sends rubbish') return 'rubbish'
    if (behaviour.startsWith('truncates') && over === 'udp') return { ...base, flags: authoritative | truncated }
    if (behaviour === 'truncates and is silent over TCP') return 'silence'
    const flags = behaviour === 'has no authority' ? 0 : authoritative
    return { ...base, flags, answers: answersOf(name, question?.type, await find(name)) }
  }

  udp.on('message', (bytes, from) => {
    // It takes no updates, and says nothing about them.
    if (((bytes[2] ?? 0) >> 3) & 0xf) return
    const send = (answer: Uint8Array): void => udp.send(answer, from.port, from.address)
    void respond(decode(bytes), 'udp').then((answer) => {
      if (answer === 'rubbish') send(Buffer.from('what is this'))
      else if (answer !== 'silence') {
        if (server.behaviour === 'answers another question first') send(encode({ ...answer, id: ((answer.id ?? 0) + 1) % 65_536, answers: [] }))
        send(encode(answer))
      }
    })
  })
  const tcp = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      const query = streamDecode(bytes)
      if (query) void respond(query, 'tcp').then((answer) => typeof answer !== 'string' && socket.end(streamEncode(answer)))
    })
  })
  await new Promise<void>((resolve) => tcp.listen(port, address, resolve))
  return server
}

const authoritative = 0x400
const truncated = 0x200

function answersOf(name: string, type: string | undefined, record: ServedRecord | null): Answer[] {
  if (type === 'SOA') {
    const data = { mname: 'ns1.example.', rname: 'hostmaster.example.', serial: 7, refresh: 1, retry: 1, expire: 1, minimum: 1 }
    return [{ type: 'SOA', name, ttl: 60, data }]
  }
  if (record === null || (record.type !== type && record.type !== 'CNAME')) return []
  return record.values.map((data) => ({ type: record.type, name, ttl: record.ttlSeconds, data }))
}
