/** muster.yaml → the configuration that counts, or every problem of it at once. */
import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import { crossCheck } from './cross-checks.ts'
import { explainIssues } from './explain-issues.ts'
import { keyDirectory, normalise } from './normalise.ts'
import { findNotInThisVersion } from './not-in-this-version.ts'
import type { Problem, Report, YamlPath } from './problems.ts'
import { configError } from './problems.ts'
import { configSchema } from './schema.ts'
import { ageRecipient } from './schema-values.ts'
import { configWarnings } from './warnings.ts'
import { largestConfigBytes, readYaml } from './yaml-source.ts'

export interface LoadedConfig {
  readonly config: Config
  /** One line each; nothing that hinders. */
  readonly warnings: readonly string[]
}

export interface ParseOptions {
  /** Name of the only host where no sites are configured; `localhost` unless given. */
  readonly host?: string
  /** Home directory that default key files are under; this user's unless given. */
  readonly home?: string
  /** Recipients where the file names none; `loadConfig` reads those that `muster init` wrote. */
  readonly recipients?: readonly string[]
  /** Moment from which clock changes of zones are looked up; now unless given. */
  readonly now?: Date
}

/**
 * Reads and checks a muster.yaml. Where it names no recipients, those in
 * `~/.config/muster/recipients.txt` are taken.
 * @throws MusterError ConfigInvalid listing every problem as `file:line:column what`;
 *   NotSupported where all it asks too much is what this version does not have
 */
export async function loadConfig(path: string, options: ParseOptions = {}): Promise<LoadedConfig> {
  const text = await readText(path)
  const home = options.home ?? homedir()
  const recipients = options.recipients ?? (await readRecipients(join(keyDirectory(home), 'recipients.txt')))
  return parseConfig(text, basename(path), { ...options, home, recipients })
}

/** The same for a text; reads nothing. @throws MusterError ConfigInvalid | NotSupported */
export function parseConfig(text: string, fileName: string, options: ParseOptions = {}): LoadedConfig {
  const now = options.now ?? new Date()
  const { raw, locate } = readYaml(text.replace(/^\uFEFF/, ''), fileName)
  const problems: Problem[] = []
  const stopHere = () => {
    if (problems.length > 0) throw configError(fileName, problems, locate)
  }
  const report: Report = (path, message, at = 'value') => problems.push({ path, message, at, type: 'ConfigInvalid' })

  const absent = findNotInThisVersion(raw)
  const shape = configSchema.safeParse(raw)
  problems.push(...absent.problems)
  if (!shape.success) {
    problems.push(...explainIssues(shape.error.issues, raw).filter((problem) => !absent.hidden.some((path) => isUnder(problem.path, path))))
  }
  stopHere()
  if (!shape.success) throw new MusterError('MusterBug', `${fileName} was refused without a reason`)

  const around = {
    host: options.host ?? 'localhost',
    home: options.home ?? homedir(),
    recipients: options.recipients ?? [],
  }
  const config = normalise(shape.data, around, report)
  stopHere()
  crossCheck(config, now, report)
  stopHere()
  return { config, warnings: configWarnings(config, now) }
}

function isUnder(path: YamlPath, parent: YamlPath): boolean {
  return parent.every((step, index) => path[index] === step)
}

async function readText(path: string): Promise<string> {
  const refuse = (what: string, cause?: unknown) => new MusterError('ConfigInvalid', `${path} ${what}`, { cause })
  let bytes: Buffer
  try {
    const found = await stat(path)
    if (!found.isFile()) throw refuse('is not a file')
    if (found.size > largestConfigBytes) throw refuse('is larger than 1 MiB; this is not a muster.yaml')
    bytes = await readFile(path)
  } catch (cause) {
    if (cause instanceof MusterError) throw cause
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') {
      throw new MusterError('ConfigInvalid', `there is no ${path}`, { cause, hint: 'write one with: muster init' })
    }
    throw refuse(code === 'EACCES' ? 'may not be read by this user' : `cannot be read (${code})`, cause)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw refuse('is not UTF-8 text', cause)
  }
}

/** An age recipients file: one public key a line, `#` begins a comment. */
async function readRecipients(path: string): Promise<readonly string[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw new MusterError('ConfigInvalid', `${path} cannot be read (${code})`, { cause })
  }
  return text.split(/\r?\n/).flatMap((line, index) => {
    const recipient = line.trim()
    if (recipient === '' || recipient.startsWith('#')) return []
    const checked = ageRecipient.safeParse(recipient)
    if (!checked.success) throw new MusterError('ConfigInvalid', `${path}:${index + 1}:1 ${checked.error.issues[0]?.message}`)
    return [recipient]
  })
}
