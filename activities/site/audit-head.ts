/** The newest audit record that this host knows: evidence that names it proves later that it was there. */
import type { AuditHead } from '../../domain/audit.ts'
import type { Config } from '../../domain/config.ts'
import { storesReachedBy } from '../../domain/copies.ts'
import { MusterError } from '../../domain/failures.ts'
import { auditNumbers, readAudit } from '../../repository/audit-chain.ts'
import { auditPinFile, readPin } from '../../repository/audit-pin.ts'
import { within } from '../../repository/within.ts'
import type { Agent } from '../agent.ts'

const lookSeconds = 10

/** Null where there is none, or nobody answers in time: it is one witness of several. */
export async function knownAuditHead(agent: Agent, config: Config): Promise<AuditHead | null> {
  const { site } = agent
  const pin = await readPin(auditPinFile(agent.hostDirectory, site))
  if (pin) return { site, sequence: pin.sequence, sha256: pin.sha256 }
  for (const name of storesReachedBy(config, agent.host)) {
    try {
      return await within(lookSeconds, () => headIn(agent, config, name), `store "${name}"`)
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
    }
  }
  return null
}

async function headIn(agent: Agent, config: Config, name: string): Promise<AuditHead | null> {
  const store = await agent.store(config, name)
  const newest = (await auditNumbers(store)).get(agent.site)?.at(-1)
  if (newest === undefined) return null
  const { record, sha256 } = await readAudit(store, await agent.verifier(config), agent.site, newest)
  return record ? { site: agent.site, sequence: newest, sha256 } : null
}
