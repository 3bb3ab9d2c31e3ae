/**
 * WAL arithmetic. An LSN is a byte position, here a bigint; PostgreSQL prints it as two
 * hex halves (`16/B374D848`). Segment `00000002` `00000016` `000000B3` is timeline 2,
 * bytes 16/B3000000 up to 16/B4000000 where segments are 16 MiB.
 */
import { MusterError } from './failures.ts'

export type Lsn = bigint

const lsnPattern = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i
const segmentPattern = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/

export function parseLsn(text: string): Lsn {
  const match = lsnPattern.exec(text)
  if (!match) throw new MusterError('InvalidInput', `"${text}" is not an LSN; write it as PostgreSQL does: 16/B374D848`)
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)
}

export function isLsn(text: string): boolean {
  return lsnPattern.test(text)
}

export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`
}

export interface WalSegment {
  readonly timelineId: number
  readonly startLsn: Lsn
}

export function isSegmentName(name: string): boolean {
  return segmentPattern.test(name)
}

export function parseSegmentName(name: string, segmentSizeBytes: number): WalSegment {
  const match = segmentPattern.exec(name)
  if (!match) throw new MusterError('InvalidInput', `"${name}" is not the name of a WAL segment`)
  const size = BigInt(segmentSizeBytes)
  const perLogFile = 0x100000000n / size
  const number = BigInt(`0x${match[2]}`) * perLogFile + BigInt(`0x${match[3]}`)
  return { timelineId: Number.parseInt(match[1] as string, 16), startLsn: number * size }
}

export function segmentName(timelineId: number, lsn: Lsn, segmentSizeBytes: number): string {
  const size = BigInt(segmentSizeBytes)
  const perLogFile = 0x100000000n / size
  const number = lsn / size
  return hex8(BigInt(timelineId)) + hex8(number / perLogFile) + hex8(number % perLogFile)
}

/** First byte of the segment that holds an LSN. */
export function segmentStart(lsn: Lsn, segmentSizeBytes: number): Lsn {
  const size = BigInt(segmentSizeBytes)
  return (lsn / size) * size
}

export function historyName(timelineId: number): string {
  return `${hex8(BigInt(timelineId))}.history`
}

export interface TimelineFork {
  readonly parentTimelineId: number
  readonly forkLsn: Lsn
}

/**
 * Reads a timeline history file: one line per ancestor, oldest first:
 * `1<TAB>0/E0005D0<TAB>before 2026-…`.
 */
export function parseTimelineHistory(text: string): readonly TimelineFork[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [timeline, lsn] = line.split(/\s+/)
      if (!timeline || !lsn || !/^\d+$/.test(timeline)) throw new MusterError('ManifestInvalid', `timeline history has a line that is none: "${line}"`)
      return { parentTimelineId: Number(timeline), forkLsn: parseLsn(lsn) }
    })
}

function hex8(value: bigint): string {
  return value.toString(16).toUpperCase().padStart(8, '0')
}
