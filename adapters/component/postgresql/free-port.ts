import { once } from 'node:events'
import { createServer } from 'node:net'
import { MusterError } from '../../../domain/failures.ts'

/**
 * Proves that a server could listen on a port of 127.0.0.1 right now.
 * @throws MusterError TargetRunning when something listens there, PreconditionFailed without the right to
 */
export async function assertPortFree(port: number): Promise<void> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const hint = 'choose another: --port N'
    if (code === 'EADDRINUSE') throw new MusterError('TargetRunning', `something listens on port ${port} of 127.0.0.1 already`, { cause, hint })
    throw new MusterError('PreconditionFailed', `no server may listen on port ${port} of 127.0.0.1 (${code})`, { cause, hint })
  } finally {
    server.close()
  }
}
