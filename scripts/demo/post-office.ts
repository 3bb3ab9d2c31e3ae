/**
 * A mail server and a webhook on loopback that accept everything and write down what arrived.
 * Usage: post-office CONFIG.json
 */
import { appendFileSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { SMTPServer } from 'smtp-server'
import type { PostOfficeConfig, ReceivedNotice } from './notices.ts'

const config = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as PostOfficeConfig

function receive(channel: ReceivedNotice['channel'], text: string): void {
  const subject = channel === 'email' ? (/^subject: (.*(?:\r?\n[ \t].*)*)/im.exec(text)?.[1] ?? '') : text.slice(0, 200)
  appendFileSync(config.received, `${JSON.stringify({ channel, at: new Date().toISOString(), subject } satisfies ReceivedNotice)}\n`)
}

const mail = new SMTPServer({
  disabledCommands: ['STARTTLS', 'AUTH'],
  disableReverseLookup: true,
  onData(stream, _session, callback) {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      receive('email', Buffer.concat(chunks).toString('utf8'))
      callback()
    })
  },
})
// A client that leaves in the middle is no error of the server.
mail.on('error', () => undefined)
mail.listen(config.smtpPort, '127.0.0.1')

const webhook = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    if (request.method === 'POST') receive('slack', Buffer.concat(chunks).toString('utf8'))
    response.writeHead(200).end('ok')
  })
})
webhook.listen(config.webhookPort, '127.0.0.1')
