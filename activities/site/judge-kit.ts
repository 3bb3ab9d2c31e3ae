/** Whether the site that a system would fail over to finds its recovery kit, should all else be gone. */
import type { Config } from '../../domain/config.ts'
import type { Reason } from '../../domain/protection.ts'
import { kitItemText, kitSites } from '../../domain/recovery-kit.ts'
import { viewKit } from '../../repository/view-kits.ts'
import type { Agent } from '../agent.ts'

/**
 * Whether values are still those of today only who has the control key can tell: `muster doctor`, where `muster apply` runs.
 * @param whole as it was signed
 * @returns empty where the kit is current, and where the site has none to have
 */
export async function kitReasons(agent: Agent, whole: Config, site: string | null): Promise<readonly Reason[]> {
  if (site === null || !kitSites(whole).includes(site)) return []
  const source = { config: whole, controlVerifier: await agent.controlVerifier(), store: (name: string) => agent.store(whole, name) }
  const { madeAt, lacks, stores, owed } = await viewKit(source, site)
  const say = (text: string): Reason => ({
    word: 'degraded',
    component: null,
    text: `a failover to ${site} is not ready: ${text}`,
    next: 'muster apply, where the keys and secrets are',
  })
  if (madeAt === null) {
    const why = owed.length > 0 ? ` (${owed.map(({ store, problem }) => `${store}: ${problem}`).join('; ')})` : ''
    return [say(`no store has a recovery kit of it${why}`)]
  }
  const missing = lacks.length > 0 ? [say(`its recovery kit lacks ${lacks.map(({ item }) => kitItemText(item)).join(', ')}`)] : []
  // One store is enough to begin from; one that does not answer is told of by itself.
  return stores.length > 0 ? missing : [...missing, say(`its recovery kit is whole in no store: ${owed.map(({ store }) => store).join(', ')}`)]
}
