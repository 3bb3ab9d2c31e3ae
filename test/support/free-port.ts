import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** A TCP port of an address on which nobody listens right now. */
export async function freePort(address = '127.0.0.1'): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A loopback network that nobody else of this machine is likely to use, and one port for all servers on it. */
export async function freeNetwork(): Promise<{ readonly port: number; address(host: number): string }> {
  const [second, third] = [randomInt(1, 255), randomInt(1, 255)]
  const address = (host: number): string => `127.${second}.${third}.${host}`
  return { port: await freePort(address(1)), address }
}
