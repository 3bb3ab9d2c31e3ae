/** One question to one server, not recursive: over UDP, and over TCP when the answer does not fit. */
import { randomInt } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import { type DecodedPacket, decode, encode, type Packet, type RecordType, streamDecode, streamEncode } from 'dns-packet'
import { MusterError } from '../../domain/failures.ts'
import { orCancelled, throwIfCancelled } from './cancelled.ts'

export interface Question {
  /** Canonical. */
  readonly name: string
  readonly type: RecordType
}

/** Where a server answers. */
export interface ServerPlace {
  /** An IP address, not a name. */
  readonly address: string
  readonly port: number
}

/** As the library gives it; its typings leave the code out. */
export type Answer = DecodedPacket & { readonly rcode: string }

const udpTries = 2
const udpSeconds = 2
const tcpSeconds = 4

/**
 * The server's own answer, whatever its code is. Takes at most 8 s.
 * @throws MusterError Unreachable naming server and reason, Cancelled
 */
export async function ask(place: ServerPlace, question: Question, signal?: AbortSignal): Promise<Answer> {
  throwIfCancelled(signal)
  let silence = unreachable(place, 'does not answer')
  for (let attempt = 1; attempt <= udpTries; attempt += 1) {
    try {
      const answer = await askOverUdp(place, question, signal)
      return answer.flag_tc ? await askOverTcp(place, question, signal) : answer
    } catch (error) {
      throwIfCancelled(signal)
      if (!(error instanceof Silence)) throw error
      silence = unreachable(place, error.message)
    }
  }
  throw silence
}

/** `192.0.2.53:53`, `[2001:db8::53]:53`. */
export function placeText({ address, port }: ServerPlace): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`
}

/** Nothing usable in time: the datagram may have been lost, so it is tried again. */
class Silence extends Error {}

function askOverUdp(place: ServerPlace, question: Question, signal?: AbortSignal): Promise<Answer> {
  const query = makeQuery(question)
  const socket = createSocket(isIPv6(place.address) ? 'udp6' : 'udp4')
  const answered = new Promise<Answer>((resolve, reject) => {
    let rubbish = false
    const timer = setTimeout(() => reject(new Silence(`${rubbish ? 'sends what is no answer' : 'does not answer'} within ${udpSeconds} s`)), udpSeconds * 1000)
    socket.once('close', () => clearTimeout(timer))
    socket.on('error', (error) => reject(unreachable(place, reasonOf(error))))
    socket.on('message', (bytes) => {
      const answer = read(() => decode(bytes) as Answer)
      // Somebody else's answer, or one to an earlier question, is not waited away: the right one may follow.
      if (answer && isAnswerTo(answer, query, question)) resolve(answer)
      else rubbish = true
    })
    socket.on('connect', () => socket.send(encode(query)))
    // Connected: the kernel drops what comes from elsewhere, and reports a port where nobody listens. Without a
    // callback, which would get errors as well and hide them.
    socket.connect(place.port, place.address)
  })
  return orCancelled(answered, signal).finally(() => closeQuietly(socket))
}

function askOverTcp(place: ServerPlace, question: Question, signal?: AbortSignal): Promise<Answer> {
  const query = makeQuery(question)
  const socket = connect({ host: place.address, port: place.port })
  const answered = new Promise<Answer>((resolve, reject) => {
    let received = Buffer.alloc(0)
    const timer = setTimeout(() => reject(unreachable(place, `does not answer over TCP within ${tcpSeconds} s`)), tcpSeconds * 1000)
    socket.once('close', () => clearTimeout(timer))
    socket.on('error', (error) => reject(unreachable(place, `${reasonOf(error)} over TCP`)))
    socket.on('end', () => reject(unreachable(place, 'breaks off its answer over TCP')))
    socket.on('connect', () => socket.write(streamEncode(query)))
    socket.on('data', (piece: Buffer) => {
      received = Buffer.concat([received, piece])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      const answer = read(() => streamDecode(received) as Answer)
      if (answer && isAnswerTo(answer, query, question)) resolve(answer)
      else reject(unreachable(place, 'sends what is no answer over TCP'))
    })
  })
  return orCancelled(answered, signal).finally(() => socket.destroy())
}

function makeQuery(question: Question): Packet & { readonly id: number } {
  return { type: 'query', id: randomInt(65_536), flags: 0, questions: [{ name: question.name, type: question.type }] }
}

function isAnswerTo(answer: Answer, query: { readonly id: number }, question: Question): boolean {
  const [asked] = answer.questions ?? []
  // Some servers leave the question out of a refusal.
  const isSame = asked === undefined || (asked.type === question.type && `${asked.name.toLowerCase()}.` === question.name)
  return answer.type === 'response' && answer.id === query.id && isSame
}

function read(decodeIt: () => Answer | null): Answer | null {
  try {
    return decodeIt()
  } catch {
    // The library throws plain errors of many kinds at bytes that are no packet.
    return null
  }
}

function closeQuietly(socket: Socket): void {
  socket.removeAllListeners('message')
  socket.close()
}

function unreachable(place: ServerPlace, why: string): MusterError {
  return new MusterError('Unreachable', `the DNS server ${placeText(place)} ${why}`, {
    hint: 'look whether that server runs, and whether a firewall lets UDP and TCP of its port through from this host',
  })
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'ECONNREFUSED') return 'does not listen'
  if (error.code === 'ENETUNREACH' || error.code === 'EHOSTUNREACH' || error.code === 'EADDRNOTAVAIL') return `cannot be reached from this host (${error.code})`
  return `cannot be asked (${error.code ?? error.name})`
}
