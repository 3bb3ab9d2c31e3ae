/** Two sites with a tree that fails over from one to the other, secrets, and two stores; nothing runs. For what `apply` and `repository open` do. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface TreeSites {
  readonly organisation?: string
  readonly every?: string
  /** Below the top of the file. */
  readonly extra?: string
}

export function treeSites(base: string, { organisation = 'Test', every = 'daily 02:00', extra = '' }: TreeSites = {}): string {
  return `
organisation: ${organisation}
sites: { primary: { hosts: [alpha] }, dr: { hosts: [beta] } }
stores:
  near: { type: directory, path: ${base}/stores/near, hosts: [alpha] }
  offsite: { type: directory, path: ${base}/stores/offsite, hosts: [alpha, beta], site: dr, host: beta }
encryption: { identity: "file:${base}/beta/keys/identity.txt", restoreHosts: [alpha, beta] }
recoveryKit: { secrets: ["file:${base}/secrets/licence", "env:MUSTER_TEST_KIT"] }
notifications: { slack: { webhook: "file:${base}/secrets/webhook" } }
systems:
  shop:
    components:
      uploads: { type: files, host: alpha, paths: [${base}/uploads] }
    backups: [{ components: all, kind: full, every: "${every}" }]
    failover: { to: dr, components: { uploads: { paths: [${base}/uploads-there] } } }
${extra}`
}

/** The files behind the references. */
export async function writeSecrets(base: string): Promise<void> {
  await mkdir(join(base, 'secrets'), { recursive: true })
  await mkdir(join(base, 'uploads'), { recursive: true })
  await writeFile(join(base, 'uploads', 'logo.txt'), 'first')
  await writeFile(join(base, 'secrets', 'webhook'), 'https://hooks.example.com/one\n', { mode: 0o600 })
  await writeFile(join(base, 'secrets', 'licence'), 'licence one', { mode: 0o600 })
  process.env['MUSTER_TEST_KIT'] = 'from the environment'
}
