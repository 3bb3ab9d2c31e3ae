/** What the hosts whose state lies here remember of audit chains: each is a witness of how long one was. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Witness } from '../domain/audit-judgement.ts'
import { isName } from '../domain/object-keys.ts'
import { auditPinFile, readPin } from '../repository/audit-pin.ts'
import { hostDirectory, type Places } from './places.ts'

export async function auditWitnesses(places: Places): Promise<readonly Witness[]> {
  const hosts = (await readdir(join(places.home, 'hosts')).catch(() => [])).filter(isName)
  const found = await Promise.all(
    hosts.map(async (host) => {
      const directory = hostDirectory(places, host)
      const sites = (await readdir(join(directory, 'audit')).catch(() => [])).flatMap((name) => /^(.+)\.json$/.exec(name)?.[1] ?? [])
      const pins = await Promise.all(sites.map((site) => readPin(auditPinFile(directory, site))))
      return pins.flatMap((pin) =>
        pin ? [{ who: `host ${host}, which wrote it,`, head: { site: pin.site, sequence: pin.sequence, sha256: pin.sha256 } }] : [],
      )
    }),
  )
  return found.flat()
}
