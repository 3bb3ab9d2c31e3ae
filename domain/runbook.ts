/**
 * The page that restores one backup when nothing of Muster is left: exact commands, standard tools only. It holds no
 * secret, and nothing that is not in the manifest in clear text.
 */
import { backupPrefix, runbookName } from './object-keys.ts'
import type { Manifest } from './repository-format.ts'
import { runbookCommands as commands } from './runbook-commands.ts'

export function runbookText(manifest: Manifest): string {
  const { organisation, system, component, backup, endedAt, writer } = manifest
  const folder = backupPrefix(system, component, backup).slice(0, -1)
  const sections = manifest.type === 'postgresql' ? databaseSections(manifest) : [section('Restore the tree', treeWords(manifest), commands.tree)]
  return `# Restore ${system}/${component} of ${organisation} by hand

Backup \`${backup}\`, ended ${endedAt}, made on host ${writer.host}. Nothing of Muster is needed: \`age\`, \`zstd\`, GNU \`tar\`,
\`ssh-keygen\`, \`sha256sum\`, \`jq\`${manifest.type === 'postgresql' ? `, and the programs of PostgreSQL ${Math.floor(manifest.postgresql.serverVersion / 10000)} on PATH` : ''}.
Run all commands in one \`bash\`, in an empty working directory, one after the other; each stops at what is wrong.

## 1. What you must have

\`\`\`sh
set -eu
: "\${STORE:?directory with a copy of the store; from S3, copy the prefix to a directory first}"
: "\${IDENTITY:?file with a private age identity of one of the recipients below}"
: "\${ROOT_FINGERPRINT:?SHA256:… of the root key, as a person holds it; never take it from the store}"
: "\${OUT:?an empty directory, as an absolute path}"
BACKUP=${folder}
\`\`\`

Recipients: ${manifest.recipients.join(', ')}.

${section('Is it authentic?', 'The key list, the manifest, every object, and this page.', `${commands.keys}${commands.manifest}echo "$(jq -r .runbook.sha256 manifest.text)  $STORE/$BACKUP/${runbookName}" | sha256sum --check --quiet -\n`, 2)}
${sections.map((text, index) => text.replace('## ', `## ${index + 3}. `)).join('\n')}`
}

function section(title: string, words: string, block: string, number?: number): string {
  return `## ${number === undefined ? '' : `${number}. `}${title}\n\n${words}\n\n\`\`\`sh\n${block}\`\`\`\n`
}

function treeWords(manifest: Manifest): string {
  const paths = manifest.type === 'files' ? manifest.files.paths : []
  return `As root, with its owners. ${paths.map((path, index) => `\`${path}\` comes into \`$OUT/${index}\``).join('; ')}.`
}

function databaseSections(manifest: Manifest): readonly string[] {
  return [
    section(
      'Restore the base backup',
      'As the operating-system user that will run the server, from here on. Tablespaces come into `$OUT.tablespaces/<oid>`.',
      commands.base,
    ),
    section(
      'WAL, for a later moment',
      `To come back to a moment after the backup, set \`TARGET\`, such as \`TARGET='2026-11-21 02:14:00+00'\`, not later than the last commit. Without it the database comes back to ${manifest.endedAt}.`,
      `WAL=\${WAL:-$PWD/wal}\nmkdir -p "$WAL"\nif [ -n "\${TARGET:-}" ]; then\n${commands.wal}fi\n`,
    ),
    section(
      'Recover',
      'The server has no TCP listener and its socket in `$OUT`. Where its `postgresql.conf` lies outside the data directory, write one into `$OUT` first. Before it is used, stop it, take the four lines out of `postgresql.auto.conf`, and start it as its own manager does.',
      commands.recover,
    ),
  ]
}
