/** What stands where a secret was. */
export const mask = '***'

const secretName = `(?:${['pass(?:wd|word|phrase)', 'secret', 'token', 'authorization', 'credentials?', '(?:api|access|private|identity)[_-]?key'].join('|')})`
const secretField = new RegExp(`(?:${secretName}s?|^pass|^pwd|^cookie)$|${secretName}[_-]?(?:id|key|value)$`, 'i')

const quotedOrWord = `"(?:[^"\\\\]|\\\\.)*"|'(?:[^'\\\\]|\\\\.)*'|[^\\s&,;'"}\\]]+`
/** `password=…`, `"secretAccessKey": "…"`, `PGPASSWORD='…'`; a quoted value may hold anything. */
const assignment = new RegExp(`(${secretName}(?:[_-]?(?:id|key|value))?["']?\\s*[=:]\\s*)(${quotedOrWord})`, 'gi')

/** Whether a field of this name holds a secret, whatever its value is. */
export function isSecretField(name: string): boolean {
  return secretField.test(name)
}

/**
 * Takes secrets out of text that is going to be shown or stored: passwords in addresses, signed parameters
 * of addresses, authorization headers, private keys, and values written as `password=…`. Pure; scrubbing
 * twice changes nothing more. It is the last line of defence: secrets do not belong into messages at all.
 */
export function scrub(text: string): string {
  return (
    text
      .replace(/-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g, `[$1 ${mask}]`)
      .replace(/AGE-SECRET-KEY-[A-Z0-9-]+/gi, mask)
      // A password may itself hold @ and /: up to the last @ of the word, unless it looks like a port and a path.
      .replace(/(:\/\/[^\s/:@'"?#]{0,256}:)(?!\d{1,5}[/?#])[^\s'"]{0,2048}@/g, `$1${mask}@`)
      .replace(/\b(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s'"]+/gi, `$1${mask}`)
      .replace(/\b((?:sig|Signature)=)[^&\s'",]{16,}/gi, `$1${mask}`)
      .replace(/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/g, `$1 ${mask}`)
      .replace(/(:\/\/hooks\.slack\.com\/services\/)[^\s'"]+/gi, `$1${mask}`)
      .replace(assignment, (_all, name: string, value: string) => {
        const quote = /^["']/.exec(value)?.[0] ?? ''
        return `${name}${quote}${mask}${quote}`
      })
  )
}
