/** Where Muster keeps things on a host. MUSTER_HOME is the state, the key directory the identity. */
import { createHash } from 'node:crypto'
import { homedir, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

export interface Places {
  /** muster.yaml */
  readonly configFile: string
  /** State; beside muster.yaml unless MUSTER_HOME says otherwise. */
  readonly home: string
  /** Keys, age identity, root fingerprint; `~/.config/muster`. */
  readonly keys: string
}

export function placesOf(configFile: string, env: NodeJS.ProcessEnv = process.env): Places {
  const file = resolve(configFile)
  const configHome = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config')
  return {
    configFile: file,
    home: env['MUSTER_HOME'] ? resolve(env['MUSTER_HOME']) : join(dirname(file), '.muster'),
    keys: env['MUSTER_KEYS'] ? resolve(env['MUSTER_KEYS']) : join(configHome, 'muster'),
  }
}

export function hostDirectory(places: Places, host: string): string {
  return join(places.home, 'hosts', host)
}

/** Socket paths are at most 107 bytes long; a home that is too deep gets a short name in the temporary directory. */
export function shipperSocket(places: Places, host: string): string {
  const wanted = join(hostDirectory(places, host), 'shipper.sock')
  if (Buffer.byteLength(wanted) <= 100) return wanted
  return join(tmpdir(), `muster-shipper-${createHash('sha256').update(wanted).digest('hex').slice(0, 12)}.sock`)
}

export const keyFiles = {
  root: 'root_ed25519',
  control: 'control_ed25519',
  host: (host: string) => `host_${host}_ed25519`,
  identity: 'identity.txt',
  recipients: 'recipients.txt',
  fingerprint: 'root.fingerprint',
} as const
