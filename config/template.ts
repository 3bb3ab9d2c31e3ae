/** The commented muster.yaml that `muster init` writes for the machine it runs on. */
import { MusterError } from '../domain/failures.ts'
import { flowText } from './flow-text.ts'
import { parseConfig } from './load.ts'

/** A PostgreSQL server that was found; members left out have their defaults in muster.yaml. */
export interface FoundDatabase {
  readonly dataDirectory: string
  readonly connection?: {
    readonly host?: string
    readonly port?: number
    readonly user?: string
    readonly database?: string
    /** `env:NAME` or `file:/path`. */
    readonly password?: string
  }
  readonly binDirectory?: string
  readonly runAs?: string
  readonly server?:
    | { readonly control: 'pg_ctl'; readonly options?: readonly string[]; readonly logFile?: string }
    | { readonly control: 'systemd'; readonly unit: string }
  /** For the comment only, such as `PostgreSQL 15.18`. */
  readonly versionText?: string
}

/** What is known of this machine. */
export interface InitialFacts {
  readonly organisation: string
  /** Name of the system; `main` unless given. */
  readonly system?: string
  /** Absolute path of the first store; outside everything protected. */
  readonly storePath: string
  /** Public keys; those in `~/.config/muster/recipients.txt` count where this is empty. */
  readonly recipients?: readonly string[]
  /** `file:/path`; the key directory's unless given. */
  readonly identity?: string
  readonly database?: FoundDatabase
  /** Absolute paths of trees to protect. */
  readonly paths?: readonly string[]
}

/**
 * Text that `parseConfig` accepts. Lines beginning with `#` and no space after it (or two)
 * are examples that work once the `#` is taken out.
 * @throws MusterError InvalidInput when there is nothing to protect; ConfigInvalid when the facts do not
 *   fit together, such as a store inside a tree
 */
export function initialConfig(facts: InitialFacts): string {
  if (facts.database === undefined && (facts.paths ?? []).length === 0) {
    throw new MusterError('InvalidInput', 'nothing to protect was found: no PostgreSQL server, and no directory was named', {
      hint: 'start PostgreSQL, or name the directories: muster init --path DIR',
    })
  }
  const text = [heading(facts), stores(facts), encryption(facts), system(facts), notifications].filter((part) => part !== '').join('\n')
  const recipients = facts.recipients ?? []
  parseConfig(text, 'muster.yaml', { recipients: recipients.length > 0 ? recipients : ['made later'] })
  return text
}

function heading(facts: InitialFacts): string {
  return `# What Muster protects, where the copies go, and how it comes back.
# Every key is explained in docs/configuration.md. After a change: muster doctor, then muster apply
organisation: ${flowText(facts.organisation)}

# One site "primary" with one host "localhost" is assumed. Name sites when a copy stands elsewhere:
#sites: { primary: { hosts: [localhost] }, cloud: { hosts: [] } }
`
}

function stores(facts: InitialFacts): string {
  return `# Where copies are kept. A directory on this machine survives mistakes, not the loss of the machine:
# add a store elsewhere as soon as you can.
stores:
  local: ${flowText({ type: 'directory', path: facts.storePath })}
  #offsite:
  #  type: s3
  #  bucket: example-dr
  #  region: eu-west-1
  #  site: cloud
  #  credentials: { write: env:MUSTER_S3_WRITE } # ACCESS_KEY_ID:SECRET_ACCESS_KEY in that variable, never in this file
`
}

function encryption(facts: InitialFacts): string {
  const lines = [
    ...((facts.recipients ?? []).length === 0
      ? []
      : [
          '  # Everything is encrypted to these before it leaves the machine. Add an escrow key that is kept',
          '  # elsewhere: whoever loses every private identity has lost every backup.',
          '  recipients:',
          ...(facts.recipients ?? []).map((recipient) => `    - ${flowText(recipient)}`),
        ]),
    ...(facts.identity === undefined ? [] : ['  # The private identity; only restores read it.', `  identity: ${flowText(facts.identity)}`]),
  ]
  return lines.length === 0 ? '' : `encryption:\n${lines.join('\n')}\n`
}

function system(facts: InitialFacts): string {
  const name = facts.system ?? 'main'
  return `systems:
  ${flowText(name)}:
    # What the business needs; without it Muster never says that all is well.
    #objectives: { rpo: 5m, rto: 1h }
    # A backup succeeds with one copy. With the store "offsite", ask for more:
    #copies: { required: { total: 2, offHost: 1, offSite: 1 } }
    components:
${facts.database ? database(facts.database) : ''}${trees(facts)}    # What must stop for a restore and start after it, in start order.
    #services:
    #  api: { type: systemd, unit: example-api, health: { http: 'http://127.0.0.1:8080/health' } }
    # A full backup of everything, daily; times are UTC.
    backups:
      - { every: 'daily 02:00' }
`
}

function database(found: FoundDatabase): string {
  const { versionText, ...component } = found
  const lines = Object.entries({ type: 'postgresql', ...component }).filter(([, value]) => value !== undefined)
  const about = versionText === undefined ? 'The PostgreSQL server' : `${versionText.replace(/\p{Cc}/gu, ' ')}`
  return `      # ${about}: base backups, and its WAL every 30 s, so that any moment can be brought back.
      database:
${lines.map(([key, value]) => `        ${key}: ${flowText(value)}`).join('\n')}
        # What restored data must show before anyone is let in:
        #checks:
        #  - { sql: select count(*) from orders, min: 1 }
`
}

function trees(facts: InitialFacts): string {
  const paths = facts.paths ?? []
  if (paths.length === 0) return ''
  const follows = facts.database ? '\n        follows: database # its rows name these files, so it is backed up first' : ''
  return `      # File trees, backed up together.
      files:
        type: files
        paths: ${flowText(paths)}${follows}
`
}

const notifications = `# Who is told what happens. Failures are silent until this is set.
#notifications:
#  email: { from: muster@example.com, to: [ops@example.com], smtp: { host: smtp.example.com } }
#  slack: { webhook: env:MUSTER_SLACK_WEBHOOK }
#  log: { path: /var/log/muster/notices.jsonl }
`
