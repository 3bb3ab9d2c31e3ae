import type { Command } from 'commander'
import type { Desk } from './desk.ts'

export function addUp(program: Command, desk: () => Desk): void {
  program
    .command('up')
    .description("run everything on this host: Temporal's embedded server, worker, WAL shipper")
    .option('--port <port>', 'of Temporal, on loopback', '7233')
    .option('--ui-port <port>', 'of the Temporal UI, on loopback', '8233')
    .action(async (options: { port: string; uiPort: string }) => desk().up({ port: Number(options.port), uiPort: Number(options.uiPort) }))
}

export function addWorker(program: Command, desk: () => Desk): void {
  program
    .command('worker')
    .description('run the agent of a host (and, with --site-queue or --workflows, the control work of a site)')
    .option('--host <host>', 'this host, as the config names it', 'localhost')
    .option('--site <site>', 'this site, as the config names it', 'primary')
    .option('--workflows', 'also run workflow code')
    .option('--site-queue', "also serve the site's queue")
    .option('--all', 'everything')
    .option('--no-host-queue', "do not serve the host's queues")
    .action(async (options: { host: string; site: string; workflows?: boolean; siteQueue?: boolean; all?: boolean; hostQueue: boolean }) =>
      desk().worker({
        host: options.host,
        site: options.site,
        roles: { workflows: Boolean(options.all || options.workflows), site: Boolean(options.all || options.siteQueue), host: options.hostQueue },
      }),
    )
  program
    .command('shipper', { hidden: true })
    .option('--host <host>', 'this host', 'localhost')
    .option('--site <site>', 'this site', 'primary')
    .action(async (options: { host: string; site: string }) => desk().shipper(options))
}

export function addApply(program: Command, desk: () => Desk): void {
  program
    .command('apply')
    .description('sign the configuration, store it everywhere, and make the schedules equal to it')
    .option('--dry-run', 'show what would change')
    .option('--without-temporal', 'leave the schedules out')
    .action(async (options: { dryRun?: boolean; withoutTemporal?: boolean }) => {
      const { out, apply, load } = desk()
      for (const warning of (await load()).warnings) out.warn(warning)
      const result = await apply({ dryRun: options.dryRun ?? false, withoutTemporal: options.withoutTemporal ?? false })
      out.result(result, () => {
        out.line(`${options.dryRun ? 'would apply' : 'applied'} ${result.configHash.slice(0, 12)}`)
        for (const { store, ok, problem } of result.stores) out.line(`  ${store.padEnd(12)} ${ok ? '✓' : `owed: ${problem}`}`)
        for (const { id, change, every } of result.schedules) out.line(`  ${change.padEnd(7)} ${id}${every ? `  (${every})` : ''}`)
      })
    })
}
