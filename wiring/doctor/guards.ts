/** Systems that can be at another site: whether what starts them on this host asks the guard first. */
import { runTool } from '../../adapters/process/run-tool.ts'
import { siteOfHost } from '../../domain/copies.ts'
import { asksGuard, guardedUnits, unguardedNames } from '../../domain/guard-units.ts'
import { sitesOf } from '../../domain/placement.ts'
import { storesToConsult } from '../../repository/consult-stores.ts'
import type { Examined, Findings } from './findings.ts'

const lookSeconds = 20

export async function examineGuards(findings: Findings, { config, hosts, systems }: Examined): Promise<void> {
  for (const system of systems) {
    const sites = sitesOf(config, system)
    if (sites.length < 2) continue
    for (const host of hosts) {
      const site = siteOfHost(config, host)
      if (site === null || !sites.includes(site)) continue
      await examineHost(findings, system, { config, host, site })
    }
  }
}

async function examineHost(
  findings: Findings,
  system: string,
  { config, host, site }: Pick<Examined, 'config'> & { readonly host: string; readonly site: string },
): Promise<void> {
  const about = `guard ${system} on ${host}`
  const units = guardedUnits(config, system, host, site)
  const others = unguardedNames(config, system, host, site)
  if (units.length + others.length === 0) return
  if (!storesToConsult(config, host, site).some((one) => one.outside)) {
    findings.warning(
      about,
      `${host} reaches no store that stands outside site ${site}: its guard can know nothing, and refuses what Muster does not start itself`,
      `give it a store at another site, best at a third one: stores: { …: { hosts: [${host}, …], site: … } }`,
    )
  }
  for (const { unit, serves } of units) {
    const shown = await findings.look(about, () => show(unit), { severity: 'warning' })
    if (shown === null) continue
    if (asksGuard(shown, system)) findings.ok(about, `unit ${unit} of ${serves} asks it before it starts`)
    else
      findings.warning(
        about,
        `unit ${unit} of ${serves} starts without asking: after a failover it would serve again when this machine comes back`,
        `install what this prints: muster guard ${system} --host ${host} --print-systemd`,
      )
  }
  if (others.length > 0)
    findings.ok(about, `${others.join(', ')}: not started by systemd; what starts them at boot asks first: muster guard ${system} -- COMMAND`)
}

/** Everything that systemd runs before and as the unit. */
async function show(unit: string): Promise<string> {
  const properties = 'ExecCondition,ExecStartPre,ExecStart'
  const systemctl = process.env['MUSTER_SYSTEMCTL'] || 'systemctl'
  const { stdout } = await runTool(systemctl, ['--no-ask-password', 'show', `--property=${properties}`, '--', unit], { timeoutSeconds: lookSeconds })
  return stdout
}
