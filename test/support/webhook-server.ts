/** A real HTTP server on loopback that keeps what was posted to it and answers as it is told. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ReceivedPost {
  readonly method: string
  readonly path: string
  readonly contentType: string
  readonly body: string
}

export interface WebhookServer {
  /** With a path that is as secret as that of a real webhook. */
  readonly url: string
  readonly origin: string
  readonly posts: readonly ReceivedPost[]
  /** From now on; `never` keeps the caller waiting. */
  answer(status: number | 'never', headers?: Readonly<Record<string, string>>): void
  stop(): Promise<void>
}

export async function startWebhookServer(secretPath = '/services/T0/B0/very-secret'): Promise<WebhookServer> {
  const posts: ReceivedPost[] = []
  let answer: { status: number | 'never'; headers: Readonly<Record<string, string>> } = { status: 200, headers: {} }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('error', () => {})
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url: path = '' } = request
      const body = Buffer.concat(chunks).toString('utf8')
      posts.push({ method, path, contentType: request.headers['content-type'] ?? '', body })
      // Careless servers repeat the address in their answer.
      if (answer.status !== 'never') response.writeHead(answer.status, answer.headers).end(`${path} was called`)
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `${origin}${secretPath}`,
    origin,
    posts,
    answer(status, headers = {}) {
      answer = { status, headers }
    },
    stop() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
