/** Moments as a person reads them: in UTC, no longer than needed. */

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `today 06:00`, `19 Nov 02:00`, `19 Nov 2025 02:00`; UTC. */
export function shortTime(iso: string, now: Date): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return iso
  const clock = at.toISOString().slice(11, 16)
  if (at.toISOString().slice(0, 10) === now.toISOString().slice(0, 10)) return `today ${clock}`
  return `${shortDay(iso, now)} ${clock}`
}

/** `19 Nov`, with the year where it is another one; UTC. */
export function shortDay(iso: string, now: Date): string {
  const at = new Date(iso)
  const year = at.getUTCFullYear() === now.getUTCFullYear() ? '' : ` ${at.getUTCFullYear()}`
  return `${at.getUTCDate()} ${months[at.getUTCMonth()]}${year}`
}
