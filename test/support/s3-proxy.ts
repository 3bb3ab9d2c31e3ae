/** Stands between a store and its S3 server: counts requests, and does to some of them what a network does. */
import { type IncomingMessage, type ServerResponse, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What happens to a request; `pass` when nothing does. */
export type Fate =
  | { readonly kind: 'pass' }
  /** The server gets it and acts; its answer is lost. */
  | { readonly kind: 'loseAnswer' }
  | { readonly kind: 'cutBody'; readonly afterBytes: number }
  /** One bit of what is sent changes on the way. */
  | { readonly kind: 'flipBit' }
  | { readonly kind: 'answer'; readonly status: number; readonly code: string }

export interface Seen {
  readonly method: string
  readonly url: string
}

export interface S3Proxy {
  readonly endpoint: string
  readonly seen: Seen[]
  /** Numbers of the parts that were sent so far, in order of arrival. */
  sentParts(): number[]
  /** Decides about each request before it is passed on. */
  decide: (seen: Seen) => Fate | Promise<Fate>
  stop(): Promise<void>
}

export async function startS3Proxy(target: string): Promise<S3Proxy> {
  const { port } = new URL(target)
  const proxy: S3Proxy = {
    endpoint: '',
    seen: [],
    sentParts: () => proxy.seen.flatMap(partNumber),
    decide: () => ({ kind: 'pass' }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  const server = createServer((from, to) => {
    const seen = { method: from.method ?? '', url: from.url ?? '' }
    proxy.seen.push(seen)
    void Promise.resolve(proxy.decide(seen)).then((fate) => pass(Number(port), from, to, fate))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(proxy, { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

function pass(port: number, from: IncomingMessage, to: ServerResponse, fate: Fate): void {
  if (fate.kind === 'answer') {
    from.resume()
    to.writeHead(fate.status, { 'content-type': 'application/xml' })
    to.end(from.method === 'HEAD' ? '' : `<Error><Code>${fate.code}</Code><Message>as the test wants it</Message></Error>`)
    return
  }
  // the headers as they came: the signature covers them
  const onward = request({ host: '127.0.0.1', port, method: from.method, path: from.url, headers: from.headers, agent: false })
  onward.on('error', () => to.destroy())
  onward.on('response', (answer) => {
    if (fate.kind === 'loseAnswer') {
      answer.resume()
      answer.on('end', () => to.destroy())
      return
    }
    to.writeHead(answer.statusCode ?? 500, answer.headers)
    let sent = 0
    answer.on('data', (piece: Buffer) => {
      sent += piece.length
      if (fate.kind === 'cutBody' && sent > fate.afterBytes) to.destroy()
      else to.write(piece)
    })
    answer.on('end', () => to.end())
    answer.on('error', () => to.destroy())
  })
  from.on('error', () => onward.destroy())
  from.on('data', (piece: Buffer) => {
    if (fate.kind === 'flipBit') piece[0] = (piece[0] ?? 0) ^ 1
    onward.write(piece)
  })
  from.on('end', () => onward.end())
}

function partNumber({ method, url }: Seen): number[] {
  const number = new URL(url, 'http://localhost').searchParams.get('partNumber')
  return method === 'PUT' && number !== null ? [Number(number)] : []
}
