/**
 * What changes of DNS records this host began, one line each, on disk before the change is asked for: a later attempt
 * learns what an earlier one did, and a person what to look for. A torn line is passed over.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'

export interface DnsNote {
  readonly at: string
  /** `taken` by an attempt, `changing` right before it asks for the change, `changed` after it was told that it was made. */
  readonly what: 'taken' | 'changing' | 'changed'
  readonly record: string
  /** One attempt. */
  readonly attempt: string
  /** The step it is an attempt of. */
  readonly step: string
  readonly from: string
  readonly to: string
}

type Subject = Pick<DnsNote, 'record' | 'step' | 'from' | 'to'>

export interface DnsAttempt {
  /** @throws MusterError EpochSuperseded when a later attempt has taken the record; else `changing` is on disk */
  noteChanging(): Promise<void>
  noteChanged(): Promise<void>
  /** Whether this attempt or an earlier one of its step may have made the change. */
  hasBegun(): boolean
}

/** Takes the record for one attempt: from now on earlier ones change nothing any more. */
export async function takeRecord(hostDirectory: string, system: string, subject: Subject, now: () => Date): Promise<DnsAttempt> {
  const path = join(hostDirectory, 'dns', `${system}.jsonl`)
  const attempt = randomBytes(8).toString('hex')
  const note = (what: DnsNote['what']) => append(path, { at: now().toISOString(), what, ...subject, attempt })
  const earlier = await notesOf(path)
  await note('taken')
  let begun = earlier.some(({ what, record, step }) => what === 'changing' && record === subject.record && step === subject.step)
  return {
    hasBegun: () => begun,
    async noteChanging() {
      const newest = (await notesOf(path)).findLast(({ what, record }) => what === 'taken' && record === subject.record)
      if (newest?.attempt !== attempt) {
        throw new MusterError('EpochSuperseded', `another attempt has taken the record ${subject.record}; this one changed nothing`)
      }
      begun = true
      await note('changing')
    },
    noteChanged: () => note('changed'),
  }
}

async function notesOf(path: string): Promise<readonly DnsNote[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text.split('\n').flatMap(parse)
}

function parse(line: string): readonly DnsNote[] {
  if (line === '') return []
  try {
    return [JSON.parse(line) as DnsNote]
  } catch {
    // Torn: whoever wrote it was killed, and had not begun to change anything.
    return []
  }
}

/** The line end in front closes what a killed writer may have left open. */
async function append(path: string, note: DnsNote): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const file = await open(path, 'a', 0o600)
  try {
    await file.write(`\n${JSON.stringify(note)}\n`)
    await file.datasync()
  } finally {
    await file.close()
  }
}
