/**
 * Durations and sizes as people write and read them. One number and one unit, nothing
 * else: what is guessed about a duration is found out in the night it matters.
 */
import { MusterError } from './failures.ts'

const secondsPer = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as const
const longestSeconds = 100 * 365 * secondsPer.d

const bytesPer = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const

/**
 * `30s`, `15m`, `6h`, `7d`, `4w` → seconds; `0` alone is zero.
 * @throws MusterError InvalidInput with an example
 */
export function parseDuration(text: string): number {
  if (text === '0') return 0
  const match = /^(\d{1,10})([smhdw])$/.exec(text)
  const seconds = match ? Number(match[1]) * secondsPer[match[2] as keyof typeof secondsPer] : Number.NaN
  if (Number.isNaN(seconds)) {
    throw new MusterError('InvalidInput', `${quoted(text)} is not a duration: write a whole number and s, m, h, d or w, such as 30s, 15m, 6h or 7d`)
  }
  if (seconds > longestSeconds) {
    throw new MusterError('InvalidInput', `${quoted(text)} is longer than 100 years; write a shorter duration, such as 30d`)
  }
  return seconds
}

/**
 * `16MB`, `5GB` (powers of ten), `10MiB` (powers of two), `512B` → bytes.
 * @throws MusterError InvalidInput with an example
 */
export function parseSize(text: string): number {
  const match = /^(\d{1,15})(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$/.exec(text)
  const bytes = match ? Number(match[1]) * bytesPer[match[2] as keyof typeof bytesPer] : Number.NaN
  if (Number.isNaN(bytes)) {
    throw new MusterError(
      'InvalidInput',
      `${quoted(text)} is not a size: write a whole number and B, kB, MB, GB or TB (or KiB, MiB, GiB, TiB), such as 16MB or 5GB`,
    )
  }
  if (!Number.isSafeInteger(bytes)) {
    throw new MusterError('InvalidInput', `${quoted(text)} is larger than any disk; write a smaller size, such as 5GB`)
  }
  return bytes
}

const spans = [
  { seconds: secondsPer.d, name: 'days', single: 'day' },
  { seconds: secondsPer.h, name: 'h', single: 'h' },
  { seconds: secondsPer.m, name: 'min', single: 'min' },
  { seconds: 1, name: 's', single: 's' },
] as const

/** Seconds → `40 s`, `11 min`, `2 h 5 min`, `3 days`: a second unit only below ten of the first. */
export function formatDuration(seconds: number): string {
  if (seconds < 0) return `-${formatDuration(-seconds)}`
  if (seconds < 9.95) return `${Math.round(seconds * 10) / 10} s`
  const whole = Math.round(seconds)
  const index = spans.findIndex((span) => whole >= span.seconds)
  const span = spans[index] as (typeof spans)[number]
  const next = whole < 10 * span.seconds ? spans[index + 1] : undefined
  const grain = next?.seconds ?? span.seconds
  const shown = Math.round(whole / grain) * grain
  if (shown >= (spans[index - 1]?.seconds ?? Number.POSITIVE_INFINITY)) return formatDuration(shown)
  const count = Math.floor(shown / span.seconds)
  const below = next ? (shown - count * span.seconds) / next.seconds : 0
  const head = `${count} ${count === 1 ? span.single : span.name}`
  return next && below > 0 ? `${head} ${below} ${below === 1 ? next.single : next.name}` : head
}

const sizeUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** Bytes → `512 B`, `1.4 GB`, `82 GB`: powers of ten, one decimal below ten. */
export function formatSize(bytes: number): string {
  if (bytes < 0) return `-${formatSize(-bytes)}`
  let value = bytes
  let unit = 0
  while (unit < sizeUnits.length - 1 && rounded(value, unit) >= 1000) {
    value /= 1000
    unit += 1
  }
  return `${rounded(value, unit)} ${sizeUnits[unit]}`
}

function rounded(value: number, unit: number): number {
  return unit > 0 && value < 9.95 ? Math.round(value * 10) / 10 : Math.round(value)
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
