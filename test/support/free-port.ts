import { randomInt } from 'node:crypto'
import { createServer, type Server } from 'node:net'

/** Below those that Linux gives to whoever asks for any port: what is found free here is still free when it is used, minutes later. */
const firstPort = 10_240
const blocks = 110
const portsOfBlock = 200

/** Of this process alone, as long as it listens on the port right before them. */
interface Block {
  next: number
  readonly end: number
}

let block: Promise<Block> | null = null

/** A TCP port of an address on which nobody listens right now, and which no other test is given. */
export async function freePort(address = '127.0.0.1'): Promise<number> {
  for (;;) {
    const taken = (block ??= takeBlock())
    const mine = await taken
    if (mine.next < mine.end) {
      const port = mine.next++
      const server = await listenAt(port, address)
      await new Promise((resolve) => (server ? server.close(resolve) : resolve(null)))
      if (server) return port
    } else if (block === taken) block = null
  }
}

async function takeBlock(): Promise<Block> {
  for (;;) {
    const port = firstPort + randomInt(blocks) * portsOfBlock
    const server = await listenAt(port, '127.0.0.1')
    if (!server) continue
    server.unref()
    return { next: port + 1, end: port + portsOfBlock }
  }
}

/** @returns null where somebody listens there already */
async function listenAt(port: number, address: string): Promise<Server | null> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(null) : reject(error)))
    server.listen(port, address, () => resolve(server))
  })
}

/** A loopback network that nobody else of this machine is likely to use, and one port for all servers on it. */
export async function freeNetwork(): Promise<{ readonly port: number; address(host: number): string }> {
  const [second, third] = [randomInt(1, 255), randomInt(1, 255)]
  const address = (host: number): string => `127.${second}.${third}.${host}`
  return { port: await freePort(address(1)), address }
}
