/** The record sets of the strict Route 53: a batch is made whole or not at all, and a DELETE must name what is there. */

export interface HeldSet {
  readonly name: string
  readonly type: string
  readonly setIdentifier: string | null
  readonly ttl: string | null
  readonly values: readonly string[]
  /** All else, as it came: Weight, Region, AliasTarget, HealthCheckId. */
  readonly rest: string
}

interface BatchChange {
  readonly action: string
  readonly set: HeldSet
}

export class RecordStore {
  sets: readonly HeldSet[] = []

  /** What is wrong with the batch; null when it was made. */
  apply(body: string): string | null {
    let draft = this.sets
    for (const { action, set } of changesIn(body)) {
      const [there] = draft.filter((held) => isSame(held, set))
      const what = `[name='${set.name}', type='${set.type}']`
      if (action === 'DELETE') {
        if (!there) return `Tried to delete resource record set ${what} but it was not found`
        if (!isEqual(there, set)) return `Tried to delete resource record set ${what} but the values provided do not match the current values`
        draft = draft.filter((held) => held !== there)
      } else if (action === 'CREATE') {
        if (there) return `Tried to create resource record set ${what} but it already exists`
        if (draft.some((held) => held.name === set.name && (held.type === 'CNAME') !== (set.type === 'CNAME'))) {
          return `RRSet of type ${set.type} with DNS name ${set.name} is not permitted as it conflicts with other records`
        }
        if (set.values.length === 0 && !set.rest.includes('AliasTarget')) return `${what} has no values`
        draft = [...draft, set]
      } else {
        return `Muster is not expected to use ${action}`
      }
    }
    this.sets = draft
    return null
  }

  /** In the order of Route 53, from a name on. */
  listFrom(name: string): readonly HeldSet[] {
    const sorted = this.sets.toSorted((one, other) => compare(sortKey(one.name), sortKey(other.name)) || compare(one.type, other.type))
    return sorted.filter((set) => compare(sortKey(set.name), sortKey(name)) >= 0)
  }
}

export function setXml({ name, type, setIdentifier, ttl, values, rest }: HeldSet): string {
  const identifier = setIdentifier === null ? '' : `<SetIdentifier>${setIdentifier}</SetIdentifier>`
  const records = values.map((value) => `<ResourceRecord><Value>${value}</Value></ResourceRecord>`).join('')
  const held = ttl === null ? '' : `<TTL>${ttl}</TTL><ResourceRecords>${records}</ResourceRecords>`
  return `<ResourceRecordSet><Name>${name}</Name><Type>${type}</Type>${identifier}${rest}${held}</ResourceRecordSet>`
}

function changesIn(body: string): BatchChange[] {
  return [...body.matchAll(/<Change>(.*?)<\/Change>/gs)].map(([, change = '']) => ({ action: inside(change, 'Action') ?? '', set: readSet(change) }))
}

function readSet(xml: string): HeldSet {
  const inner = inside(xml, 'ResourceRecordSet') ?? ''
  const known = /<(Name|Type|SetIdentifier|TTL)>[^<]*<\/\1>|<ResourceRecords>.*<\/ResourceRecords>/gs
  return {
    name: (inside(inner, 'Name') ?? '').toLowerCase(),
    type: inside(inner, 'Type') ?? '',
    setIdentifier: inside(inner, 'SetIdentifier'),
    ttl: inside(inner, 'TTL'),
    values: [...inner.matchAll(/<Value>(.*?)<\/Value>/gs)].map(([, value = '']) => value),
    rest: inner.replaceAll(known, ''),
  }
}

function inside(xml: string, tag: string): string | null {
  return new RegExp(`<${tag}>(.*?)</${tag}>`, 's').exec(xml)?.[1] ?? null
}

function isSame(one: HeldSet, other: HeldSet): boolean {
  return one.name === other.name && one.type === other.type && one.setIdentifier === other.setIdentifier
}

function isEqual(one: HeldSet, other: HeldSet): boolean {
  return one.ttl === other.ttl && one.rest === other.rest && one.values.toSorted().join() === other.values.toSorted().join()
}

/** Labels from the root on. */
function sortKey(name: string): string {
  return name.replace(/\.$/, '').split('.').reverse().join('.')
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
