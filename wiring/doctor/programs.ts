/** Programs that every host needs, and how old they are. */
import { runTool } from '../../adapters/process/run-tool.ts'
import type { Findings } from './findings.ts'

interface Wanted {
  readonly program: string
  readonly args: readonly string[]
  /** What its answer must contain. */
  readonly says?: RegExp
  /** Package that brings it. */
  readonly from: string
  readonly why: string
}

const wanted: readonly Wanted[] = [
  { program: 'age', args: ['--version'], from: 'age', why: 'backups are encrypted with it' },
  { program: 'age-keygen', args: ['--version'], from: 'age', why: 'it makes identities' },
  { program: 'zstd', args: ['--version'], from: 'zstd', why: 'backups are compressed with it' },
  { program: 'tar', args: ['--version'], says: /GNU tar/, from: 'tar', why: 'trees are archived with GNU tar' },
  { program: 'ssh-keygen', args: ['-?'], from: 'openssh-client', why: 'it makes keys, and people check signatures with it' },
  { program: 'setpriv', args: ['--version'], from: 'util-linux', why: 'tools run as another user, and end with the agent' },
  { program: 'getent', args: ['passwd', '0'], from: 'libc-bin', why: 'operating-system users are looked up with it' },
]

const anyExitCode = Array.from({ length: 256 }, (_, code) => code)
const oldestNode = [20, 19] as const

export async function examinePrograms(findings: Findings): Promise<void> {
  const about = 'programs'
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
    findings.problem(about, `Node.js is ${process.versions.node}; ${oldestNode.join('.')} or newer is needed`, 'install Node.js 22 or 24')
  }
  const found: string[] = [`node ${process.versions.node}`]
  for (const { program, args, says, from, why } of wanted) {
    const version = await versionOf(program, args)
    if (version === null) findings.problem(about, `${program} is not installed: ${why}`, `apt-get install ${from}`)
    else if (says && !says.test(version))
      findings.problem(about, `${program} is "${firstLine(version)}": ${why}`, `apt-get install ${from}, and put it first on the PATH of the agent`)
    else found.push(`${program}${shortVersion(version)}`)
  }
  findings.ok(about, found.join(' · '))
}

async function versionOf(program: string, args: readonly string[]): Promise<string | null> {
  try {
    const { stdout, stderrTail } = await runTool(program, args, { timeoutSeconds: 15, okExitCodes: anyExitCode })
    return `${stdout}\n${stderrTail}`.trim()
  } catch {
    return null
  }
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}

function shortVersion(text: string): string {
  const match = /\bv?(\d+\.\d+(?:\.\d+)?)\b/.exec(firstLine(text))
  return match ? ` ${match[1]}` : ''
}
