import { createServer } from 'node:net'

/** The port itself where nothing listens there, else any free one. */
export async function freePort(wanted = 0): Promise<number> {
  const server = createServer()
  const port = await new Promise<number | null>((resolve) => {
    server.once('error', () => resolve(null))
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address()
      resolve(address === null || typeof address === 'string' ? null : address.port)
    })
  })
  if (port === null) return freePort()
  await new Promise((resolve) => server.close(resolve))
  return port
}
