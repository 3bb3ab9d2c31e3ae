import pg from 'pg'
import { type PostgresqlInstance, osUserOf } from './instance.ts'
import { RelayedSocket } from './relayed-socket.ts'

/** Servers, by address, that let in the tools' user and not the agent. */
const asToolsUser = new Set<string>()

/**
 * Connects to the server: as the agent, and where it is root and the server's own socket rejects it, as the tools'
 * user, which is what peer authentication asks for. Which of them it was is remembered while the agent runs, so that
 * the server's log is not filled.
 * @throws what the client throws
 */
export async function openClient(instance: PostgresqlInstance, config: pg.ClientConfig): Promise<pg.Client> {
  const address = `${config.host}:${config.port}`
  if (!asToolsUser.has(address)) {
    try {
      return await connected(config)
    } catch (error) {
      if (!isRejection(error) || !isOwnSocket(instance, config)) throw error
      const client = await connectedAsToolsUser(instance, config)
      if (client === null) throw error
      asToolsUser.add(address)
      return client
    }
  }
  return (await connectedAsToolsUser(instance, config)) ?? connected(config)
}

async function connected(config: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(config)
  // A server that goes away between two queries must not end the agent; the next query reports it.
  client.on('error', () => {})
  try {
    await client.connect()
    return client
  } catch (error) {
    // A handshake that failed half-way would otherwise keep its socket.
    void client.end().catch(() => {})
    throw error
  }
}

/** Null where the agent is that user already. */
async function connectedAsToolsUser(instance: PostgresqlInstance, config: pg.ClientConfig): Promise<pg.Client | null> {
  const user = await osUserOf(instance)
  return user === undefined ? null : connected({ ...config, stream: () => new RelayedSocket(user) })
}

function isRejection(error: unknown): boolean {
  return /^28/.test(String((error as { readonly code?: string }).code))
}

/** A quarantined server has a private socket, and trusts whoever reaches it. */
function isOwnSocket(instance: PostgresqlInstance, { host, port }: pg.ClientConfig): boolean {
  const { connection } = instance.config
  return instance.password === null && host !== undefined && host.startsWith('/') && host === connection.host && port === connection.port
}
