/**
 * Everything that an auditor needs of some runs, in a folder: under the keys that the stores have, so that the commands of
 * docs/repository-format.md work on it, and a page that says how.
 */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { AuditedRun } from '../domain/audit.ts'
import type { Evidence } from '../domain/evidence.ts'
import { MusterError } from '../domain/failures.ts'
import { auditKey, kitKey } from '../domain/object-keys.ts'
import { sheetKey } from '../repository/evidence.ts'
import type { AuditReader } from './audit-reader.ts'

export interface ExportDeps {
  readonly reader: AuditReader
  /** The key lists as they are stored. */
  readonly keyLists: readonly { readonly key: string; readonly bytes: Uint8Array }[]
  readonly wanted: (run: AuditedRun) => boolean
  readonly onProgress: (text: string) => void
}

export interface Exported {
  readonly directory: string
  readonly records: number
  readonly runs: number
  /** What no store has any more. */
  readonly missing: readonly string[]
}

/** Writes all records, for a chain is proven as a whole, and of the wanted runs what these name. @throws MusterError TargetNotEmpty */
export async function exportAudit(deps: ExportDeps, directory: string): Promise<Exported> {
  const { reader, onProgress } = deps
  await mkdir(directory, { recursive: true, mode: 0o700 })
  if ((await readdir(directory)).length > 0) {
    throw new MusterError('TargetNotEmpty', `${directory} is not empty`, { hint: 'choose a new directory' })
  }
  const missing: string[] = []
  const put = async (key: string, bytes: Uint8Array) => {
    const path = join(directory, key)
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeFile(path, bytes, { flag: 'wx', mode: 0o600 })
  }
  const copy = async (key: string) => {
    try {
      await put(key, await reader.raw(key))
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      missing.push(key)
    }
  }
  const copyEvidence = async (key: string) => {
    await copy(key)
    const text = await readFile(join(directory, key), 'utf8').catch(() => null)
    const { decision } = text === null ? {} : (JSON.parse(text.split('\n')[0] ?? '') as Partial<Evidence>)
    // One decision may be of several runs.
    if (decision && !(await stat(join(directory, decision.key)).catch(() => null))) await copy(decision.key)
  }
  for (const { key, bytes } of deps.keyLists) await put(key, bytes)
  const codes = new Set<string>()
  let records = 0
  let runs = 0
  for await (const { record, bytes } of reader.records()) {
    await put(auditKey(record.site, record.sequence), bytes)
    records++
    for (const run of record.runs.filter(deps.wanted)) {
      runs++
      onProgress(`${runs} runs of ${records} records`)
      if (run.history) await copy(run.history.key)
      if (run.evidence) await copyEvidence(run.evidence.key)
      if (run.evidence && run.evidence.sheetSha256 !== null) await copy(sheetKey(run.evidence.key))
      if (run.kit !== null) codes.add(run.kit)
    }
  }
  for (const code of codes) await copyKit(deps, code, copy, missing)
  await put('README.md', Buffer.from(readme(reader)))
  return { directory, records, runs, missing }
}

async function copyKit({ reader }: ExportDeps, code: string, copy: (key: string) => Promise<void>, missing: string[]): Promise<void> {
  try {
    const { kit } = await reader.kit(code)
    for (const { key } of kit.files) await copy(key)
    await copy(kitKey(code))
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    missing.push(kitKey(code))
  }
}

function readme(reader: AuditReader): string {
  const heads = reader.heads.map(({ site, sequence, sha256 }) => `- site ${site}: record ${sequence}, ${sha256}`)
  return `# What this is

Audit records, evidence, histories and replay kits of runs of Muster, exported under the keys that they have in the stores. All
records are here, and of the runs that were asked for everything that the records name.

The newest records, when this was exported:

${heads.join('\n') || '- there was none'}

## Proving it without Muster

Needed: the fingerprint of the root key, from a person and not from here; \`ssh-keygen\`, \`jq\`, \`sha256sum\`. The first command
prints a line that must have that fingerprint.

\`\`\`sh
export ROOT_FINGERPRINT=SHA256:…
LIST=$(ls keys/*.json | tail -n 1)
head -n 1 "$LIST" > keys.text; tail -n +2 "$LIST" > keys.sig
ssh-keygen -Y check-novalidate -n muster-keys -s keys.sig < keys.text | grep -F "$ROOT_FINGERPRINT"
jq -r '.keys[] | select(.revokedSince == null) | .name + " " + .publicKey' keys.text > allowed
for SITE in audit/*; do
  PREVIOUS=$(printf '%064d' 0)
  for RECORD in "$SITE"/*.json; do
    head -n 1 "$RECORD" > audit.text; tail -n +2 "$RECORD" > audit.sig
    ssh-keygen -Y verify -f allowed -I "$(jq -r .by audit.text)" -n muster-audit -s audit.sig < audit.text
    [ "$(jq -r .previous audit.text)" = "$PREVIOUS" ] || { echo "$RECORD does not follow the one before"; exit 1; }
    PREVIOUS=$(sha256sum < audit.text | cut -d' ' -f1)
  done
done
\`\`\`

Each record names evidence (SHA-256 of its first line, newline included) and histories (SHA-256 of the object). The sheets
(\`.html\`) are the evidence to be read and printed. Where evidence names a \`decision\`, that object is what was approved: its SHA-256 is
the \`plan\` of the evidence.

## Replaying a history

With Muster and this folder as a store: \`muster audit replay RUN\`. It uses the code of the replay kit (\`kits/\`) and the version
of Temporal's SDK that the kit names.
`
}
