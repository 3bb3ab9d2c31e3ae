/** IP addresses as text: one spelling for one address, so that two texts can be compared. */

/** The address as four numbers; null for anything else, leading zeros included (they mean octal to some programs). */
export function canonicalIpv4(text: string): string | null {
  const parts = text.split('.')
  if (parts.length !== 4) return null
  return parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255) ? text : null
}

/** The address as RFC 5952 spells it; null for anything else, zones (`%eth0`) included. */
export function canonicalIpv6(text: string): string | null {
  const groups = groupsOf(text)
  if (groups === null) return null
  const { start, length } = longestRunOfZeros(groups)
  const words = groups.map((group) => group.toString(16))
  if (length < 2) return words.join(':')
  return `${words.slice(0, start).join(':')}::${words.slice(start + length).join(':')}`
}

function groupsOf(text: string): readonly number[] | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const [head, tail] = halves.map((half) => (half === '' ? [] : groupsOfHalf(half)))
  if (head === undefined || head === null || tail === null) return null
  if (tail === undefined) return head.length === 8 ? head : null
  const missing = 8 - head.length - tail.length
  return missing >= 1 ? [...head, ...Array.from({ length: missing }, () => 0), ...tail] : null
}

/** The last group may be written as an IPv4 address. */
function groupsOfHalf(half: string): number[] | null {
  const words = half.split(':')
  const groups: number[] = []
  for (const [index, word] of words.entries()) {
    if (index === words.length - 1 && word.includes('.')) {
      const bytes = canonicalIpv4(word)?.split('.').map(Number)
      if (bytes === undefined) return null
      const [first = 0, second = 0, third = 0, fourth = 0] = bytes
      groups.push(first * 256 + second, third * 256 + fourth)
    } else {
      if (!/^[0-9A-Fa-f]{1,4}$/.test(word)) return null
      groups.push(Number.parseInt(word, 16))
    }
  }
  return groups
}

/** The first of the longest ones. */
function longestRunOfZeros(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start }
  }
  return best
}
