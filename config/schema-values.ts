/** The kinds of value that muster.yaml is made of; each says what to write when it is wrong. */
import { z } from 'zod'
import { parseDnsServer } from '../domain/dns-server-address.ts'
import { canonicalDnsName } from '../domain/dns-values.ts'
import { parseDuration, parseSize } from '../domain/durations.ts'
import { MusterError } from '../domain/failures.ts'
import { isName } from '../domain/object-keys.ts'
import { parseSchedule } from '../domain/schedule-spec.ts'

/** Text that `check` accepts; what it throws becomes the problem shown at the value's line. */
function checkedText(check: (value: string) => void) {
  return z.string().superRefine((value, context) => {
    try {
      check(value)
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
    }
  })
}

function refuse(message: string): never {
  throw new MusterError('ConfigInvalid', message)
}

function shown(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
}

const controlCharacters = /\p{Cc}/u

/** A name of a system, component, store, site, host, service, person or backup rule. */
export const nameText = checkedText((value) => {
  if (!isName(value)) refuse(`${shown(value)} is not a name: lower-case letters, digits, - and _, at most 63, beginning with a letter or digit`)
  // Digits alone would lose their place: services start in the order in which they are written.
  if (!/[a-z]/.test(value)) refuse(`${shown(value)} is not a name: it needs a letter`)
}).meta({ pattern: '^[a-z0-9][a-z0-9_-]{0,62}$' })

export const durationText = checkedText((value) => void parseDuration(value)).meta({ pattern: '^(0|[0-9]+[smhdw])$' })

/** A duration, or the number 0. */
export const durationOrZero = z.union([durationText, z.literal(0)], { error: 'must be a duration such as 60s, or 0' })

export const positiveDuration = checkedText((value) => {
  if (parseDuration(value) === 0) refuse(`${shown(value)} is too short; write at least 1s`)
}).meta({ pattern: '^[0-9]+[smhdw]$' })

export const sizeText = checkedText((value) => void parseSize(value)).meta({
  pattern: '^[0-9]+(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$',
})

export const scheduleText = checkedText((value) => void parseSchedule(value))

/** Of a service in a compose file; it never begins like an option. */
export const composeName = checkedText((value) => {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$/.test(value)) refuse(`${shown(value)} is not a service of a compose file: letters, digits, . - and _`)
}).meta({ pattern: '^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$' })

export const absolutePath = checkedText(checkPath).meta({ pattern: '^/' })

function checkPath(value: string): void {
  if (controlCharacters.test(value)) refuse(`${shown(value)} holds a control character; a path is one line of text`)
  if (!value.startsWith('/')) refuse(`${shown(value)} is not an absolute path; write it from the root, such as /srv/uploads`)
  if (value.split('/').some((part) => part === '..' || part === '.')) refuse(`${shown(value)} has . or .. in it; write the path itself`)
  if (value.length > 1024) refuse('the path is longer than 1024 characters')
}

function isPlainPath(value: string): boolean {
  return value.startsWith('/') && !controlCharacters.test(value) && !value.split('/').some((part) => part === '..' || part === '.')
}

/** Where a secret is, never the secret; what was written is never repeated in a message. */
export const secretReference = checkedText((value) => {
  if (/^env:[A-Za-z_][A-Za-z0-9_]*$/.test(value)) return
  const path = value.startsWith('file:') ? value.slice('file:'.length) : null
  if (path === null) {
    refuse('must say where the secret is, not the secret itself: env:NAME or file:/path (what is written there is not shown)')
  }
  if (!isPlainPath(path)) refuse('file: needs an absolute path without ~, . and .., such as file:/etc/muster/secret')
}).meta({ pattern: '^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.*)$' })

/** One program and its arguments; never a shell line. */
export const commandWords = z
  .array(z.string())
  .min(1)
  .superRefine((words, context) => {
    const [program = ''] = words
    if (program.trim() === '') context.addIssue({ code: 'custom', message: 'the first word must be the program' })
    else if (words.length === 1 && /\s/.test(program)) {
      context.addIssue({
        code: 'custom',
        message: `write one word per item, as no shell splits them: [${program.trim().split(/\s+/).join(', ')}]`,
      })
    }
    if (words.some((word) => word.includes('\0'))) context.addIssue({ code: 'custom', message: 'a word holds a zero byte' })
  })

/** One line of text that is not empty. */
export const lineText = checkedText((value) => {
  if (value.trim() === '') refuse('is empty')
  if (controlCharacters.test(value)) refuse('must be one line of text')
})

export const userName = checkedText((value) => {
  if (!/^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?$/.test(value)) refuse(`${shown(value)} is not the name of an operating-system user`)
})

export const unitName = checkedText((value) => {
  if (!/^[A-Za-z0-9:_.\\@-]{1,250}$/.test(value) || value.startsWith('-')) refuse(`${shown(value)} is not the name of a systemd unit, such as shop-api`)
})

/** An address without user and password in it; what was written is never repeated. */
export const webAddress = checkedText((value) => {
  let url: URL
  try {
    url = new URL(value)
  } catch {
    refuse('is not an address, such as http://127.0.0.1:8080/health')
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') refuse('must begin with http:// or https://')
  if (url.username !== '' || url.password !== '') refuse('has a user or password in it; this file holds no secrets')
})

export const hostAndPort = checkedText((value) => {
  const match = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(value)
  if (!match || Number(match[1]) < 1 || Number(match[1]) > 65_535) refuse(`${shown(value)} is not a host and a port, such as 127.0.0.1:5672`)
})

/** A name in DNS, from the root; the dot at its end may be left out. */
export const dnsName = checkedText((value) => void canonicalDnsName(value))

/** A DNS server by name or address, with its port where that is not 53. */
export const dnsServer = checkedText((value) => void parseDnsServer(value))

/** A socket directory or a host name; a whole connection address may carry a password, so it is never repeated. */
export const serverHost = checkedText((value) => {
  if (value.startsWith('/')) checkPath(value)
  else if (!/^[A-Za-z0-9][A-Za-z0-9._:-]*$/.test(value) || value.length > 253) refuse('is not a host name or the absolute path of a socket directory')
})

export const emailAddress = checkedText((value) => {
  if (controlCharacters.test(value) || !/^[^@]+@[^@\s]+$|^[^<>]*<[^@\s<>]+@[^@\s<>]+>$/.test(value)) {
    refuse(`${shown(value)} is not an e-mail address`)
  }
})

/** The public half of an SSH key; a private one is recognised and never repeated. */
export const sshPublicKey = checkedText((value) => {
  if (/PRIVATE KEY/.test(value)) refuse('this is a private key: keep it out of this file, and write its public half, the one line of the .pub file')
  if (!/^(sk-)?(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa)(@openssh\.com)? [A-Za-z0-9+/]{40,}={0,2}( [^\n]*)?$/.test(value)) {
    refuse(`${shown(value)} is not a public SSH key: the one line of a .pub file, such as ssh-ed25519 AAAAC3Nz…`)
  }
})

/** An age recipient; a private identity is recognised and never repeated. */
export const ageRecipient = checkedText((value) => {
  if (/AGE-SECRET-KEY/i.test(value)) refuse('this is a private identity: keep it out of this file, and write its public key, which begins with age1')
  if (!/^age1[02-9ac-hj-np-z]{58}$/.test(value)) {
    refuse(`${shown(value)} is not an age recipient: age1 and 58 more characters, as age-keygen -y prints it`)
  }
})

/** `true` and `false`; `yes` and `no` are texts in YAML 1.2 and mean the same here. */
export const yesOrNo = z.union([z.boolean(), z.enum(['yes', 'no'])], { error: 'must be yes or no' })

export type YesOrNo = z.output<typeof yesOrNo>

export const portNumber = z.int().min(1).max(65_535)
