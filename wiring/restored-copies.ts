/** Copies that were restored elsewhere, for the command line: asked with SQL on the host where they are, and removed. */
import { rm } from 'node:fs/promises'
import type { RestoredCopies } from '../clients/cli/restored-copies.ts'
import { MusterError } from '../domain/failures.ts'
import type { CheckResult } from '../domain/repository-format.ts'
import { hostDirectory, type Places } from './places.ts'

export function restoredCopies(places: Places): RestoredCopies {
  return {
    async assertHere(config, host) {
      const hosts = Object.values(config.sites).flatMap((site) => [...site.hosts])
      const { hostsHere } = await import('./doctor/keys.ts')
      if ((await hostsHere(places, hosts)).includes(host)) return
      throw new MusterError('PreconditionFailed', `the copies would be on host ${host}, and its key does not lie on this machine`, {
        hint: `run this on ${host}, or step by step from here: muster scenario … --plan`,
      })
    },
    async ask({ config, system, component, directory }, sql) {
      const [{ runChecks }, { instanceAtCopy }, { instanceOf }] = await Promise.all([
        import('../adapters/component/postgresql/checks.ts'),
        import('../adapters/component/postgresql/copy-elsewhere.ts'),
        import('./instance.ts'),
      ])
      const at = config.systems[system]?.components[component]?.host ?? 'localhost'
      const instance = await instanceAtCopy(await instanceOf(config, system, component, hostDirectory(places, at)), directory)
      const [answer] = await runChecks(instance, null, [{ sql, min: 1 }], { now: new Date() })
      return answer as CheckResult
    },
    async remove(directory, others) {
      const { stopCopy } = await import('../adapters/component/postgresql/copy-elsewhere.ts')
      const socketDirectory = await stopCopy(directory)
      for (const path of [directory, ...others, ...(socketDirectory === null ? [] : [socketDirectory])]) await rm(path, { recursive: true, force: true })
    },
  }
}
